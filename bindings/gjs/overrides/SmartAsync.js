// SPDX-License-Identifier: LGPL-2.1-or-later

// What makes SmartAsync read like JavaScript. GJS loads this for imports.gi and
// for gi:// alike, and calls _init() with the namespace.
//
// How a call flows: a function made by smartasync() is an AsyncFunc whose bodies
// are the setters of receivers (see SmartAsync.AsyncFunc.new_for_receivers). What
// it was called with, and what comes back, stays here in a request, whose name goes
// through the library: so every value and every error arrives as it was. In a
// sync context the library runs it to its end; in an async one it gives a future,
// of which a promise is made, that another receiver settles.

/* exported _init */

const System = imports.system;
const {drainMicrotaskQueue} = imports._promiseNative;
const {Gio, GLib, GObject} = imports.gi;

let SmartAsync = null;

// The library's own, which are replaced below.
const native = {};

// GJS before 1.81.90 takes the pause between two slices of an incremental garbage
// collection for the collection itself, and drops the callbacks that come in it.
const DROPS_CALLBACKS = System.version < 18190;

const JOBS = 'GjsPromiseJobQueueSource';
const THIS_FILE = new Error().fileName;

/* Values: what a GValue cannot say is put in an object of our own. GJS has a type for
 * objects of JavaScript, JSObject, but does not keep what is in it alive. */

let Box = null;

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

const CLASSES = ['GObject', 'GBoxed', 'GVariant', 'GParam', 'GInterface']
    .map(name => GObject.type_from_name(name));

// What C would end early, or would not take for text.
const NO_TEXT = /\0|\p{Surrogate}/u;

function box(value) {
    const boxed = new Box();
    boxed.contents = value;
    return boxed;
}

function unbox(value) {
    return value instanceof Box ? value.contents : value;
}

// Whether GJS makes a GValue of it, as it claims by its constructor: of a proxy, a prototype, a surface
// of cairo's or a new String('x') it does not, but throws.
function isOfGType(value) {
    try {
        const gtype = value.constructor?.$gtype;
        // A GValue is passed on as it is; what is in no class of C is JavaScript's own.
        if (gtype === undefined || gtype.name === 'GValue' || !isOfClass(gtype))
            return gtype?.name === 'GValue';
        if (GObject.type_is_a(gtype, GObject.TYPE_OBJECT))
            native.isFloating.call(value);
        else
            GObject.strdup_value_contents(value);
        return true;
    } catch {
        return false;
    }
}

// Of an object or a structure, and not a number, a text, or an object of JavaScript.
function isOfClass(gtype) {
    return gtype.name !== 'JSObject' && CLASSES.some(type => GObject.type_is_a(gtype, type));
}

// Whether it is of that type, also for C.
function isInstance(value, gtype) {
    return typeof value === 'object' && value !== null && isOfGType(value) &&
        gtype.name !== 'GValue' && GObject.type_is_a(value.constructor.$gtype, gtype);
}

function makeUint64(number) {
    const value = new GObject.Value();
    value.init(GObject.TYPE_UINT64);
    value.set_uint64(number);
    return value;
}

// What GJS makes the right GValue of. For C, big integers are numbers.
function toValue(value, what, forC = false) {
    switch (typeof value) {
    case 'number':
    case 'boolean':
        return value;
    case 'string':
        return NO_TEXT.test(value) ? box(value) : value;
    case 'undefined':
        return forC ? null : box(value);
    case 'bigint':
        if (!forC || value < MIN_INT64 || value > MAX_UINT64)
            return box(value);
        return value > MAX_INT64 ? makeUint64(value) : value;
    case 'symbol':
        throw new TypeError(`${what}: a symbol cannot be held by any GValue`);
    case 'object':
        return value === null || isOfGType(value) ? value : box(value);
    default:
        return box(value);
    }
}

// The arguments of a C function; null is as good as none.
function toValues(args, name) {
    return args?.map((value, i) => toValue(value, `argument ${i} of ${name}`, true)) ?? [];
}

/* Errors */

// The stack of where @here, an Error, was made, without what is ours. To make one is cheap,
// to write it out is not.
function showStack(here) {
    return here.stack
        .split('\n')
        .filter(line => !line.includes(THIS_FILE))
        .join('\n');
}

function newError(code, message) {
    return new GLib.Error(SmartAsync.Error, code, message);
}

function newWouldDeadlock(name) {
    return newError(SmartAsync.Error.WOULD_DEADLOCK,
        `To wait for ${name} in a promise job would never end, since other promise jobs ` +
        'do not run meanwhile: await its aio(), or give call_async() a callback');
}

function newWouldDeadlockOffDefault(name) {
    return newError(SmartAsync.Error.WOULD_DEADLOCK,
        `To wait for ${name} here would never end, since promise jobs run in the default main context, and ` +
        'another one is the thread default: call it where none is, or from a body with the policy CURRENT');
}

function newWouldSettleNowhere() {
    return newError(SmartAsync.Error.WOULD_DEADLOCK,
        'The promise that the body has given would never settle, since promise jobs run in the ' +
        'default main context only: make it an async function, or set the policy CURRENT');
}

function toGError(error) {
    if (error instanceof GLib.Error)
        return error;
    let message;
    try {
        message = String(error);
    } catch {
        message = typeof error;
    }
    return native.exceptionNew(box(error), message);
}

// What was thrown, if it was in JavaScript. @request: nullable; @here: an Error made by the caller.
function fromGError(error, request, here) {
    if (!(error instanceof GLib.Error))
        return error;

    if (error.domain === native.exceptionDomain) {
        if (request?.threw) {
            // The stack of a finish function says nothing.
            if (request.throwsForC && here !== undefined)
                request.thrown.stack = showStack(here);
            return request.thrown;
        }
        return unbox(native.exceptionGet(error));
    }

    // Where it was delivered says nothing.
    if (here !== undefined)
        error.stack = showStack(here);
    return error;
}

// Wraps a method of the library that throws.
function translate(method) {
    return function (...args) {
        try {
            return method.apply(this, args);
        } catch (error) {
            throw fromGError(error);
        }
    };
}

/* Contexts */

// Where a module waits at its top level, GJS iterates the default context itself,
// without a main loop. One that runs holds the context between its iterations, too.
// Only asked where nothing else tells: another thread might take it meanwhile, and is
// waited for then.
function isHeldByLoop() {
    const context = GLib.MainContext.default();
    let held;

    context.release();
    try {
        held = context.is_owner();
    } finally {
        let acquired;
        do
            acquired = context.acquire();
        while (!acquired);
    }
    return held;
}

// Whether this is the continuation of a script's top level, after an await there. One
// of an async function says so in its stack.
function isTopLevel(traits) {
    return (traits & SmartAsync.ContextTraits.OUTERMOST) !== 0 &&
        GLib.main_current_source().get_name() === JOBS &&
        !/^async\*/m.test(new Error().stack) &&
        !isHeldByLoop();
}

function isAsync(traits = native.survey()) {
    if ((traits & SmartAsync.ContextTraits.ASYNC) === 0)
        return false;
    return !isTopLevel(traits) || !native.describe().includes(JOBS);
}

function describe() {
    return native.isAsync() && !isAsync()
        ? 'sync: in the top level of a script, after an await'
        : native.describe();
}

// Whether the call that is being made is waited for.
let isWaitedFor = false;

// The library's rule knows nothing of scripts' top levels.
function inContext(async, func) {
    const before = isWaitedFor;
    const pushes = async !== native.isAsync();

    if (pushes)
        native.pushMode(async ? SmartAsync.Mode.ASYNC : SmartAsync.Mode.SYNC);
    isWaitedFor = !async;
    try {
        return func();
    } finally {
        isWaitedFor = before;
        if (pushes)
            native.popMode();
    }
}

const SETTLED = Promise.resolve();

// Promise jobs never run inside another one: so that is tried. The source that is dispatched
// does not tell, since GJS's timers run jobs within their own. Without a source none are run,
// but by a script that ends by an exception.
function isInPromiseJob() {
    if (GLib.main_depth() === 0)
        return false;

    let ran = false;
    SETTLED.then(() => {
        ran = true;
    });
    drainMicrotaskQueue();
    return !ran;
}

const MARK = 'smartasync mark of the default context';

// The same context is another object in GJS, each time: so one of its sources is looked for.
function isDefaultContext(context) {
    const source = GLib.idle_source_new();
    source.set_name(MARK);
    const id = source.attach(null);
    try {
        return context.find_source_by_id(id)?.get_name() === MARK;
    } finally {
        source.destroy();
    }
}

// Promise jobs are run where the default context is iterated. What waits here iterates the
// thread default one, or one of its own.
function mayIterateJobs() {
    const context = GLib.MainContext.get_thread_default();
    return context === null || isDefaultContext(context);
}

/* Garbage: in a GJS that drops callbacks, no collection is left half done. */

let canary = null;
let registry = null;

function plantCanary() {
    canary = new WeakRef({});
    registry.register({}, null);
}

function finishCollection() {
    System.gc();
    plantCanary();
}

// Before callbacks come that nobody repeats.
function finishCollectionIfBegun() {
    if (DROPS_CALLBACKS && canary.deref() === undefined)
        finishCollection();
}

/* Receivers */

let unfinished = 0;
let exitStatus = 1;
let received = false;

let BodyReceiver = null;
let ResultReceiver = null;

function defineClasses() {
    const {READABLE, WRITABLE, EXPLICIT_NOTIFY} = GObject.ParamFlags;

    Box = GObject.registerClass({
        GTypeName: 'SmartAsyncGjsBox',
    }, class extends GObject.Object {});

    // System.exit() ends a setter, or the stack does, and GJS goes on: the library asks afterwards.
    const Receiver = GObject.registerClass({
        GTypeName: 'SmartAsyncGjsReceiver',
        Properties: {
            'unfinished': GObject.ParamSpec.uint('unfinished', null, null,
                READABLE, 0, GLib.MAXUINT32, 0),
            'exit-status': GObject.ParamSpec.int('exit-status', null, null, READABLE, 0, 255, 0),
            'received': GObject.ParamSpec.boolean('received', null, null, READABLE, false),
        },
    }, class extends GObject.Object {
        receiveBy(receive, given) {
            const before = unfinished++;
            try {
                receive(given);
            } finally {
                // System.exit() does not come here.
                unfinished = before;
            }
        }

        get unfinished() {
            return unfinished;
        }

        get exit_status() {
            return exitStatus;
        }

        get received() {
            const was = received;
            received = false;
            return was;
        }
    });

    BodyReceiver = GObject.registerClass({
        GTypeName: 'SmartAsyncGjsBodyReceiver',
        Properties: {
            'call': GObject.ParamSpec.object('call', null, null,
                WRITABLE | EXPLICIT_NOTIFY, SmartAsync.Call.$gtype),
        },
    }, class extends Receiver {
        set call(call) {
            this.receiveBy(this.run, call);
            received = true;
        }
    });

    ResultReceiver = GObject.registerClass({
        GTypeName: 'SmartAsyncGjsResultReceiver',
        Properties: {
            'future': GObject.ParamSpec.object('future', null, null,
                WRITABLE | EXPLICIT_NOTIFY, SmartAsync.Future.$gtype),
            'result': GObject.ParamSpec.object('result', null, null,
                WRITABLE | EXPLICIT_NOTIFY, Gio.AsyncResult.$gtype),
        },
    }, class extends Receiver {
        set future(future) {
            this.receiveBy(takeReceived(this), future);
        }

        set result(result) {
            this.receiveBy(takeReceived(this), result);
        }
    });
}

// To make a GObject costs more than all the rest.
const MAX_SPARE_RECEIVERS = 64;
const spareReceivers = [];

function borrowReceiver(receive) {
    const receiver = spareReceivers.pop() ?? new ResultReceiver();
    receiver.receive = receive;
    return receiver;
}

function takeReceived(receiver) {
    const {receive} = receiver;
    receiver.receive = null;
    if (spareReceivers.length < MAX_SPARE_RECEIVERS)
        spareReceivers.push(receiver);
    return receive;
}

// Calls receive(future) when the future has settled, in the caller's context.
function whenSettled(future, receive) {
    future.add_receiver(borrowReceiver(receive));
}

/* Futures */

// GJS does not release what a caller-allocated GValue holds: get_value() would leak it.
function getResult(future, request = null, here = undefined) {
    try {
        if (future.get_status() === SmartAsync.FutureStatus.PENDING)
            native.getValue.call(future);  // throws
        const value = native.waitValue.call(future, -1, null);
        return request?.returned ? request.result : unbox(value);
    } catch (error) {
        throw fromGError(error, request, here);
    }
}

// @request: nullable.
function toPromise(future, request = null) {
    const here = new Error();

    return new Promise((resolve, reject) => {
        function settle(settled) {
            forgetRequest(request);
            try {
                resolve(getResult(settled, request, here));
            } catch (error) {
                reject(error);
            }
        }

        // Also of one that has settled: what was to be told before, is.
        whenSettled(future, settle);
    });
}

function isThenable(value) {
    return value !== null && (typeof value === 'object' || typeof value === 'function') &&
        typeof value.then === 'function';
}

function isFuture(value) {
    return value instanceof SmartAsync.Future;
}

/* Requests: what a function is called with, and what it gives, where one of ours
 * calls one of ours, and nobody else gets its future. */

const REQUEST_PREFIX = 'request of SmartAsync.js: ';
const requests = new Map();
let lastRequest = 0;

// For a flight, which may outlive its first caller's request, all goes through the library.
function makeRequest(self, args, {async, isFlight, timeout}) {
    const request = {
        self, args, async, isFlight, timeout,
        name: null,
        returned: false,
        result: undefined,
        threw: false,
        thrown: undefined,
        throwsForC: false,
    };
    if (!isFlight) {
        request.name = `${REQUEST_PREFIX}${++lastRequest}`;
        requests.set(request.name, request);
    }
    return request;
}

function forgetRequest(request) {
    if (request?.name)
        requests.delete(request.name);
}

// What the library is given of it.
function nameRequest(request) {
    return request.name ?? box(request);
}

function getRequest(call) {
    if (call.get_n_args() === 1) {
        const value = native.callGetValue.call(call, 0);
        if (typeof value === 'string' && value.startsWith(REQUEST_PREFIX))
            return requests.get(value);
        if (value instanceof Box && value.contents?.isFlight)
            return value.contents;
    }

    // C has called it, or the plain API.
    const args = Array.from({length: call.get_n_args()}, (_, i) => call.get_value(i));
    return {self: call.get_source_object() ?? undefined, args, async: false, isFlight: true, timeout: 0};
}

// Has one of them called later. What resolve() throws, as of a value that cannot be told, rejects.
function follow(promise, resolve, reject) {
    promise.then(value => {
        try {
            resolve(value);
        } catch (error) {
            reject(error);
        }
    }, reject);
}

// A future that settles as the promise does.
function toFuture(promise, cancellable = null) {
    const future = SmartAsync.Future.new(cancellable);
    follow(promise, value => future.resolve(value), error => future.reject(error));
    return future;
}

/* Bodies */

// What the library is told of a value, and of an error. The first counts: of another it complains.
function giveValue(request, value, name) {
    if (request.isFlight)
        return toValue(value, `the result of ${name}`);
    if (!request.threw && !request.returned) {
        request.returned = true;
        request.result = value;
    }
    return null;
}

function giveError(request, error) {
    if (request.isFlight)
        return toGError(error);
    if (!request.threw && !request.returned) {
        request.threw = true;
        request.thrown = error;
    }
    return native.anyException;
}

function returnValue(call, request, value, name) {
    try {
        native.returnValue.call(call, giveValue(request, value, name));
    } catch (error) {
        returnError(call, request, error);
    }
}

function returnError(call, request, error) {
    native.returnError.call(call, giveError(request, error));
}

// Settles the call as what a function gave, now or later.
function returnResult(call, request, result, name) {
    if (isFuture(result)) {
        call.return_future(result);
    } else if (isThenable(result)) {
        result.then(
            value => returnValue(call, request, value, name),
            error => returnError(call, request, error));
    } else {
        returnValue(call, request, result, name);
    }
}

// A blocking body in an async context has given a promise.
function followPromise(request, promise, name) {
    const future = SmartAsync.Future.new(null);
    follow(promise,
        value => native.resolve.call(future, giveValue(request, value, name)),
        error => native.reject.call(future, giveError(request, error)));
    return future;
}

function findCancellable(args) {
    for (let i = args.length - 1; i >= 0; i--) {
        // GJS is asked of each instance, even of none.
        if (args[i] !== null && typeof args[i] === 'object' && args[i] instanceof Gio.Cancellable)
            return i;
    }
    return -1;
}

// The call's own cancellable takes the place of its caller's: it is cancelled by a
// deadline, too.
function getArgs(request, call) {
    const i = findCancellable(request.args);
    return i < 0 ? request.args : request.args.with?.(i, call.get_cancellable()) ??
        request.args.map((arg, j) => i === j ? call.get_cancellable() : arg);
}

// A function of bodies that take the call. They are no callbacks: those may be dropped, and do not
// tell whether there was stack enough for them to run.
function newFunc(begin, body) {
    return native.newForReceivers(begin && makeReceiver(begin), body && makeReceiver(body));
}

function makeReceiver(run) {
    const receiver = new BodyReceiver();
    receiver.run = run;
    return receiver;
}

function makeBegin(fn, name) {
    return call => {
        const request = getRequest(call);
        try {
            returnResult(call, request, fn.apply(request.self, getArgs(request, call)), name);
        } catch (error) {
            returnError(call, request, error);
        }
    };
}

function makeBody(fn, name) {
    return call => {
        const request = getRequest(call);
        try {
            const result = fn.apply(request.self, getArgs(request, call));
            if (!isThenable(result))
                returnValue(call, request, result, name);
            else if (request.async)
                call.return_future(isFuture(result) ? result : followPromise(request, result, name));
            else
                returnValue(call, request, waitFor(result, request.timeout), name);
        } catch (error) {
            returnError(call, request, error);
        }
    };
}

// The call of the raw body that runs, until it returns.
let unreturned = null;

// A body of the plain API, that returns through its call.
function makeRawBody(body) {
    return call => {
        const before = unreturned;
        unreturned = call;
        try {
            const result = body(call);
            if (!isThenable(result))
                return;
            if (isWaitedFor && unreturned === call && !isFuture(result) && !mayIterateJobs())
                call.return_error(newWouldSettleNowhere());
            else
                result.then(null, error => call.return_error(error));
        } catch (error) {
            call.return_error(error);
        } finally {
            unreturned = before;
        }
    };
}

/* Functions */

const isBoolean = value => typeof value === 'boolean';
const isCount = value => typeof value === 'number' && value >= 0 && value <= GLib.MAXUINT32;

// What each takes, and how that is called. C would make something else of anything else.
const OPTIONS = {
    name: [value => typeof value === 'string', 'a string'],
    priority: [value => (value | 0) === value, 'an integer'],
    timeout: [isCount, 'a number of milliseconds'],
    abandon_on_cancel: [isBoolean, 'a boolean'],
    inherit_cancellable: [isBoolean, 'a boolean'],
    executor: [value => isInstance(value, SmartAsync.Executor.$gtype), 'a SmartAsync.Executor'],
    main_context_policy: [value => Object.values(SmartAsync.MainContextPolicy).includes(value),
        'one of SmartAsync.MainContextPolicy'],
    max_concurrency: [value => isCount(value) && Number.isInteger(value), 'a number of calls'],
    thread_safe_source: [isBoolean, 'a boolean'],
    offload: [isBoolean, 'a boolean'],
    cancellable: [value => isInstance(value, Gio.Cancellable.$gtype), 'a Gio.Cancellable'],
    source: [value => isInstance(value, GObject.TYPE_OBJECT), 'a GObject.Object'],
};

function toSnakeCase(name) {
    return name.replace(/-/g, '_').replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

function checkOption(name, value) {
    const property = toSnakeCase(name);
    if (!Object.hasOwn(OPTIONS, property))
        throw new TypeError(`${name} is not an option of a smart function`);
    const [isRight, what] = OPTIONS[property];
    if (value === undefined || value === null || isRight(value))
        return property;

    const given = typeof value === 'string' ? `'${value}'` : value;
    throw new TypeError(`The option ${name} takes ${what}, and not ` +
        `${typeof value === 'object' ? 'another object' : String(given)}`);
}

// By the names of the properties. One that is null is left as it is, but for what null takes off.
function checkOptions(options) {
    return Object.fromEntries(Object.entries(options)
        .map(([name, value]) => [checkOption(name, value), value])
        .filter(([property, value]) => value !== undefined && (value !== null || property === 'executor')));
}

function setOptions(func, {timeout, ...properties}) {
    // A part of a millisecond is one, and 0 would be no deadline.
    if (timeout !== undefined)
        func.timeout = Math.ceil(timeout);
    Object.assign(func, properties);
}

// The AsyncFuncs whose signature the library checks: it has to see the arguments.
const hasSignature = new WeakSet();

// Says of an AsyncFunc that its promises must settle for a sync caller. A property of its own
// is kept while C has the function, unlike a place in a WeakSet.
const NEEDS_JOBS = Symbol('needs promise jobs');

// Lets promises settle for what begins here; with a blocking body, a sync caller needs none.
function needJobs(func, body) {
    func.set_main_context_policy(SmartAsync.MainContextPolicy.CURRENT);
    if (!body)
        func[NEEDS_JOBS] = true;
    return func;
}

function newJsFunc(begin, body, name) {
    const func = newFunc(begin ? makeBegin(begin, name) : null, body ? makeBody(body, name) : null);
    if (name)
        func.set_name(name);
    func.set_offload(false);
    return begin ? needJobs(func, body) : func;
}

// One of the plain API.
function newRawFunc(begin, body) {
    const func = newFunc(begin && makeRawBody(begin), body && makeRawBody(body));
    return isAsyncFunction(begin) ? needJobs(func, body) : func;
}

/**
 * How a smart function does what it does.
 *
 * @typedef {object} Plan
 * @property {SmartAsync.AsyncFunc} func - what the library calls
 * @property {boolean} inJs - whether it takes a request
 * @property {Function} [prepare] - what is done to the arguments first
 * @property {Function} [direct] - what a sync caller can call without the library
 * @property {Function} [directAio] - the same of one in the main loop, where nothing can cancel it
 * @property {Gio.Cancellable} [cancellable] - the caller's, where no argument is one
 * @property {GObject.Object} [source] - the source object, where `this` is none
 * @property {object} [bound] - its `this`, where that is known
 */

function getName(func) {
    return func.get_name() ?? 'a function';
}

function getSource(plan, self) {
    if (plan.source)
        return plan.source;
    return self instanceof GObject.Object ? self : null;
}

function getCancellable(plan, args) {
    const i = findCancellable(args);
    return i >= 0 ? args[i] : plan.cancellable ?? null;
}

function checkArgs(plan, args) {
    args.forEach((value, i) => {
        if (typeof value === 'symbol')
            toValue(value, `argument ${i} of ${getName(plan.func)}`);
    });
}

// What the library is called with, and the request in it.
function prepareCall(plan, self, args, async, isFlight = false) {
    const prepared = plan.prepare ? plan.prepare(args) : args;
    checkArgs(plan, prepared);
    const request = plan.inJs && !hasSignature.has(plan.func)
        ? makeRequest(self, prepared, {async, isFlight, timeout: plan.func.get_timeout()})
        : null;
    return {
        request,
        source: getSource(plan, self),
        values: request ? [nameRequest(request)] : toValues(prepared, getName(plan.func)),
        cancellable: getCancellable(plan, prepared),
    };
}

// Where no promise would settle for who waits.
function refuseInVain(func) {
    if (!func[NEEDS_JOBS])
        return;
    if (isInPromiseJob())
        throw newWouldDeadlock(getName(func));
    if (!mayIterateJobs())
        throw newWouldDeadlockOffDefault(getName(func));
}

function callSync(plan, self, args) {
    if (plan.direct)
        return plan.direct(self, args);

    refuseInVain(plan.func);
    const {request, source, values, cancellable} = prepareCall(plan, self, args, false);
    finishCollectionIfBegun();
    try {
        return getResult(inContext(false,
            () => native.callv.call(plan.func, source, values, cancellable)), request);
    } finally {
        forgetRequest(request);
    }
}

function callFuture(plan, self, args) {
    const {request, source, values, cancellable} = prepareCall(plan, self, args, true);
    const future = inContext(true,
        () => native.callv.call(plan.func, source, values, cancellable));
    return [future, request];
}

function callAio(plan, self, args, traits = native.survey()) {
    if (plan.directAio && (traits & SmartAsync.ContextTraits.PLAIN) !== 0 &&
        findCancellable(args) < 0) {
        checkArgs(plan, args);
        return plan.directAio(self, args);
    }

    let future, request;
    try {
        [future, request] = callFuture(plan, self, args);
    } catch (error) {
        if (error instanceof TypeError)
            throw error;
        return Promise.reject(error);
    }
    return toPromise(future, request);
}

function callSmart(plan, self, args) {
    const traits = native.survey();
    return isAsync(traits) ? callAio(plan, self, args, traits) : callSync(plan, self, args);
}

// The plans of functions made here.
const plans = new WeakMap();

function derivePlan(plan, options) {
    const {cancellable, source, ...rest} = checkOptions(options);
    const func = plan.func.derivev([], []);
    if (hasSignature.has(plan.func))
        hasSignature.add(func);
    setOptions(func, rest);
    return {
        ...plan,
        func,
        direct: null,
        directAio: null,
        cancellable: cancellable ?? plan.cancellable,
        source: source ?? plan.source,
    };
}

function makeSmart(plan, original = null) {
    if (plan.bound !== undefined)
        return makeBound(plan, plan.bound, original);

    function smart(...args) {
        return callSmart(plan, this, args);
    }
    return dress(smart, plan, undefined, original);
}

// A smart function whose `this` is known.
function makeBound(unbound, self, original = null) {
    const plan = {...unbound, bound: self};
    const bound = (...args) => callSmart(plan, self, args);
    return dress(bound, plan, self, original);
}

function dress(smart, plan, self, original) {
    // f.sync () calls it with f itself as `this`.
    const receiverOf = given => self !== undefined || given === smart ? self : given;

    const properties = {
        sync(...args) {
            return callSync(plan, receiverOf(this), args);
        },
        aio(...args) {
            return callAio(plan, receiverOf(this), args);
        },
        options: options => {
            const derived = derivePlan(plan, options);
            return makeSmart(derived, original);
        },
        bind: (newSelf, ...first) => makeBound(first.length > 0
            ? {...plan, direct: null, directAio: null, prepare: args => (plan.prepare ?? (a => a))([...first, ...args])}
            : plan, newSelf, original),
        func: plan.func,
    };
    for (const [name, value] of Object.entries(properties))
        Object.defineProperty(smart, name, {value, configurable: true, writable: true});
    if (original !== null) {
        Object.defineProperty(smart, 'name', {value: original.name, configurable: true});
        Object.defineProperty(smart, 'length', {value: original.length, configurable: true});
    }
    plans.set(smart, plan);
    return smart;
}

function isAsyncFunction(fn) {
    const tag = Object.prototype.toString.call(fn);
    return tag === '[object AsyncFunction]';
}

function makePlan(fn, {kind, blocking, ...options} = {}) {
    if (fn instanceof SmartAsync.AsyncFunc) {
        const plan = {func: fn, inJs: false};
        return Object.keys(options).length > 0 ? derivePlan(plan, options) : plan;
    }
    if (typeof fn !== 'function')
        throw new TypeError('smartasync() takes a function, or a SmartAsync.AsyncFunc');
    if (plans.has(fn))
        return derivePlan(plans.get(fn), options);
    if (kind !== undefined && !['async', 'blocking'].includes(kind))
        throw new TypeError(`There is no kind '${kind}': it is 'async' or 'blocking'`);
    if (blocking !== undefined && typeof blocking !== 'function')
        throw new TypeError('The option blocking takes a function');

    const {cancellable, source, ...properties} = checkOptions(options);
    const async = blocking !== undefined || (kind ?? (isAsyncFunction(fn) ? 'async' : '')) === 'async';
    const func = newJsFunc(async ? fn : null, async ? blocking : fn, fn.name);
    setOptions(func, properties);
    return {func, inJs: true, cancellable, source};
}

// Replaces a method of a class by an accessor, so that object.method.sync () knows its object.
function smartMethod(prototype, name, options) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    if (typeof descriptor?.value !== 'function')
        throw new TypeError(`There is no method '${name}' of its own in ${prototype.constructor.name}`);

    const original = descriptor.value;
    const plan = makePlan(original, options);
    const unbound = makeSmart(plan, original);
    const bound = new WeakMap();
    Object.defineProperty(prototype, name, {
        configurable: true,
        enumerable: descriptor.enumerable,
        get() {
            if (this === prototype)
                return unbound;
            if (!bound.has(this))
                bound.set(this, makeBound(plan, this, original));
            return bound.get(this);
        },
    });
    return unbound;
}

function smartasync(fn, ...rest) {
    if (typeof rest[0] === 'string') {
        const [name, options] = rest;
        return smartMethod(typeof fn === 'function' ? fn.prototype : fn, name, options);
    }
    return makeSmart(makePlan(fn, rest[0]), typeof fn === 'function' ? fn : null);
}

/* Pairs, as the introspection data describe them */

// The namespaces whose objects need the caller's own context.
const CURRENT_NAMESPACES = new Set(['Gdk', 'Gtk', 'Adw', 'WebKit', 'WebKit2', 'Xdp']);

// GIRepository's two versions, of which GJS has loaded one.
let introspection = null;

function getIntrospection() {
    introspection ??= makeIntrospection();
    return introspection;
}

function makeIntrospection() {
    let GIRepository;
    try {
        GIRepository = imports.gi.GIRepository;
    } catch {
        // Two are there, and the older would clash with GJS's own.
        imports.gi.versions.GIRepository = '3.0';
        GIRepository = imports.gi.GIRepository;
    }
    return GIRepository.__version__ === '2.0'
        ? makeIntrospection2(GIRepository)
        : makeIntrospection3(GIRepository);
}

function makeIntrospection2(GI) {
    const repository = GI.Repository.get_default();
    const {InfoType, TypeTag, Direction, FunctionInfoFlags, Transfer} = GI;

    function findMethod(info, name) {
        switch (info.get_type()) {
        case InfoType.OBJECT:
            return GI.object_info_find_method(info, name);
        case InfoType.INTERFACE:
            return GI.interface_info_find_method(info, name);
        case InfoType.STRUCT:
            return GI.struct_info_find_method(info, name);
        default:
            return null;
        }
    }

    function describeArg(info, i) {
        const arg = GI.callable_info_get_arg(info, i);
        const type = GI.arg_info_get_type(arg);
        const tag = GI.type_info_get_tag(type);
        const target = tag === TypeTag.INTERFACE ? GI.type_info_get_interface(type) : null;
        const cType = getCType(tag, target);
        return {
            name: arg.get_name(),
            cType,
            gtype: cType === 'pointer' ? GI.registered_type_info_get_g_type(target) : null,
            values: target !== null && ['int', 'uint'].includes(cType) ? getValues(target) : null,
            mayBeNull: GI.arg_info_may_be_null(arg),
            isBytes: tag === TypeTag.ARRAY &&
                GI.type_info_get_tag(GI.type_info_get_param_type(type, 0)) === TypeTag.UINT8,
            isIn: GI.arg_info_get_direction(arg) !== Direction.OUT,
            isNumber: tag >= TypeTag.INT8 && tag <= TypeTag.DOUBLE,
            typeName: target?.get_name() ?? null,
            hidden: [GI.arg_info_get_closure(arg), GI.arg_info_get_destroy(arg),
                tag === TypeTag.ARRAY ? GI.type_info_get_array_length(type) : -1],
        };
    }

    // Of an enumeration, or of flags.
    function getValues(target) {
        return Array.from({length: GI.enum_info_get_n_values(target)},
            (_, i) => GI.value_info_get_value(GI.enum_info_get_value(target, i)));
    }

    // How C takes what JavaScript gives, of the types that a GValue passes by themselves.
    function getCType(tag, target) {
        switch (tag) {
        case TypeTag.BOOLEAN:
            return 'boolean';
        case TypeTag.INT32:
            return 'int';
        case TypeTag.UINT32:
            return 'uint';
        case TypeTag.INT64:
            return 'int64';
        case TypeTag.UINT64:
            return 'uint64';
        case TypeTag.DOUBLE:
            return 'double';
        case TypeTag.UTF8:
        case TypeTag.FILENAME:
            return 'string';
        case TypeTag.INTERFACE:
            break;
        default:
            return null;
        }
        switch (target.get_type()) {
        case InfoType.ENUM:
            return 'int';
        case InfoType.FLAGS:
            return 'uint';
        case InfoType.OBJECT:
        case InfoType.INTERFACE:
            return 'pointer';
        case InfoType.STRUCT:
        case InfoType.BOXED:
            return GI.registered_type_info_get_type_name(target) ? 'pointer' : null;
        default:
            return null;
        }
    }

    // What C is to be called by, if that is possible without more than GValues.
    function getSymbol(info, visible) {
        const n = GI.callable_info_get_n_args(info);
        const passed = visible.slice(0, -1);
        if (visible.length !== n - 1 || findReadyCallback(visible) !== visible.length - 1 ||
            passed.some(arg => arg.cType === null))
            return null;
        for (let i = 0; i < passed.length; i++) {
            if (GI.arg_info_get_ownership_transfer(GI.callable_info_get_arg(info, i)) !== Transfer.NOTHING)
                return null;
        }
        return {
            libraries: repository.get_shared_library(info.get_namespace())?.split(',') ?? [null],
            name: GI.function_info_get_symbol(info),
        };
    }

    return {
        getSymbol,
        findByGType: gtype => repository.find_by_gtype(gtype),
        findByName: (namespace, name) => repository.find_by_name(namespace, name),
        getGType: info => GI.registered_type_info_get_g_type(info),
        isFunction: info => info.get_type() === InfoType.FUNCTION,
        findMethod,
        isMethod: info => (GI.function_info_get_flags(info) & FunctionInfoFlags.IS_METHOD) !== 0,
        getArgs: info => Array.from({length: GI.callable_info_get_n_args(info)},
            (_, i) => describeArg(info, i)),
    };
}

function makeIntrospection3(GI) {
    const repository = GI.Repository.dup_default();
    const {TypeTag, Direction, FunctionInfoFlags} = GI;

    // With an index, newer versions say whether there is one.
    const getIndex = result => {
        if (!Array.isArray(result))
            return typeof result === 'number' ? result : -1;
        return result[0] ? result[1] : -1;
    };

    function describeArg(info, i) {
        const arg = info.get_arg(i);
        const type = arg.get_type_info();
        const tag = type.get_tag();
        return {
            name: arg.get_name(),
            isIn: arg.get_direction() !== Direction.OUT,
            isNumber: tag >= TypeTag.INT8 && tag <= TypeTag.DOUBLE,
            isBytes: tag === TypeTag.ARRAY && type.get_param_type(0).get_tag() === TypeTag.UINT8,
            typeName: tag === TypeTag.INTERFACE ? type.get_interface().get_name() : null,
            hidden: [getIndex(arg.get_closure_index()), getIndex(arg.get_destroy_index()),
                tag === TypeTag.ARRAY ? getIndex(type.get_array_length_index()) : -1],
        };
    }

    return {
        // No GJS of this age drops callbacks.
        getSymbol: () => null,
        findByGType: gtype => repository.find_by_gtype(gtype),
        findByName: (namespace, name) => repository.find_by_name(namespace, name),
        getGType: info => info.get_g_type(),
        isFunction: info => info instanceof GI.FunctionInfo,
        findMethod: (info, name) => info.find_method?.(name) ?? null,
        isMethod: info => (info.get_flags() & FunctionInfoFlags.IS_METHOD) !== 0,
        getArgs: info => Array.from({length: info.get_n_args()}, (_, i) => describeArg(info, i)),
    };
}

// The arguments that JavaScript gives.
function getJsArgs(info) {
    const all = getIntrospection().getArgs(info);
    const hidden = new Set(all.flatMap(arg => arg.hidden));
    return all.filter((arg, i) => arg.isIn && !hidden.has(i));
}

function findReadyCallback(args) {
    return args.findIndex(arg => arg.typeName === 'AsyncReadyCallback');
}

// A type, then its interfaces, then its parents'.
function* listInfos(gtype) {
    const {findByGType} = getIntrospection();
    const seen = new Set();
    for (let type = gtype; type; type = GObject.type_parent(type)) {
        const types = [type, ...GObject.type_interfaces(type)];
        for (const candidate of types) {
            if (seen.has(candidate.name))
                continue;
            seen.add(candidate.name);
            const info = findByGType(candidate);
            if (info)
                yield info;
        }
        if (type.name === 'GObject' || GObject.type_parent(type)?.name === 'invalid')
            break;
    }
}

function isNamespace(container) {
    return typeof container === 'object' && !(container instanceof GObject.Object) &&
        typeof container.__name__ === 'string';
}

// Where something is looked up: what it is called on, and the functions there.
function makeScope(container) {
    const {findMethod, findByName, isFunction, getGType} = getIntrospection();

    if (isNamespace(container)) {
        const namespace = container.__name__;
        return {
            key: `namespace ${namespace}`,
            namespace,
            find: name => {
                const info = findByName(namespace, name);
                return info && isFunction(info) ? {info, namespace} : null;
            },
        };
    }

    const gtype = container.$gtype ?? container.constructor?.$gtype;
    if (gtype === undefined || gtype.name === 'void' || gtype.name === 'JSObject')
        throw new TypeError('There is no introspection data of this: it takes an object, a class or a namespace');
    return {
        key: gtype.name,
        find: name => {
            for (const owner of listInfos(gtype)) {
                const info = findMethod(owner, name);
                if (info)
                    return {info, namespace: owner.get_namespace(), gtype: getGType(owner)};
            }
            return null;
        },
    };
}

/**
 * A pair found.
 *
 * @typedef {object} Pair
 * @property {string} asyncName - the function that begins
 * @property {string} finishName - the one that ends it
 * @property {string|null} syncName - the blocking sibling
 * @property {object[]} asyncArgs - what the first takes, in JavaScript
 * @property {number} priorityAt - where io_priority is in it, which can be left out; or -1
 * @property {boolean} isMethod - whether it is called on an object
 * @property {GObject.GType} gtype - of the objects that it is called on
 * @property {string} namespace - where it is from
 * @property {object|null} symbol - how C calls the first, where that is needed
 * @property {object|null} bytes - what takes a GLib.Bytes in the place of an array
 */

// GJS frees an array when the call returns, and not when C is done with it: what is to be written
// would be something else. So it is copied, for the sibling that holds it.
function describeBytes(scope, stem, asyncArgs) {
    const at = asyncArgs.findIndex(arg => arg.isBytes);
    if (at < 0)
        return null;
    const isAll = scope.find(`${stem}_bytes_async`) === null && stem.endsWith('_all');
    const sibling = isAll ? stem.slice(0, -'_all'.length) : stem;
    const begin = scope.find(`${sibling}_bytes_async`);
    if (!begin || getJsArgs(begin.info).length !== asyncArgs.length)
        return null;

    const finishName = [`${sibling}_bytes_finish`, `${sibling}_finish`].find(name => scope.find(name));
    const args = getJsArgs(begin.info);
    return {
        at,
        isAll,
        sibling: {
            asyncName: `${sibling}_bytes_async`,
            finishName,
            asyncArgs: args,
            nArgs: args.length - 1,
            isMethod: true,
            symbol: DROPS_CALLBACKS ? getIntrospection().getSymbol(begin.info, args) : null,
        },
    };
}

function describePair(scope, asyncName) {
    const {isMethod} = getIntrospection();
    const begin = scope.find(asyncName);
    if (!begin)
        return null;

    const asyncArgs = getJsArgs(begin.info);
    if (findReadyCallback(asyncArgs) < 0)
        return null;

    const stem = asyncName.replace(/_(async|begin)$/, '');
    const finishName = [`${stem}_finish`, `${asyncName}_finish`].find(name => scope.find(name));
    if (finishName === undefined)
        return null;

    const taken = asyncArgs.filter(arg => arg.typeName !== 'AsyncReadyCallback');
    const priorityAt = taken.findIndex(arg => arg.name === 'io_priority' && arg.isNumber);
    const names = args => args.map(arg => arg.name).join();
    const syncName = [`${stem}_sync`, stem].find(name => {
        const sync = name === asyncName ? null : scope.find(name);
        if (!sync || isMethod(sync.info) !== isMethod(begin.info))
            return false;
        const args = getJsArgs(sync.info);
        // With the same arguments only is it the same function.
        return findReadyCallback(args) < 0 && [
            names(taken),
            names(taken.filter((_, i) => i !== priorityAt)),
        ].includes(names(args));
    }) ?? null;
    const syncTakesPriority = syncName !== null && priorityAt >= 0 &&
        getJsArgs(scope.find(syncName).info).length === taken.length;

    return {
        asyncName,
        finishName,
        syncName,
        asyncArgs,
        priorityAt: syncTakesPriority ? -1 : priorityAt,
        nArgs: taken.length,
        isMethod: isMethod(begin.info),
        gtype: begin.gtype,
        namespace: begin.namespace,
        symbol: DROPS_CALLBACKS ? getIntrospection().getSymbol(begin.info, asyncArgs) : null,
        bytes: isMethod(begin.info) ? describeBytes(scope, stem, asyncArgs) : null,
    };
}

const pairsFound = new Map();

// By the name of any of the three, or by what they have in common.
function findPair(container, name) {
    const scope = makeScope(container);
    const key = `${scope.key}.${name}`;
    if (!pairsFound.has(key)) {
        const stem = name.replace(/_(async|begin|finish|sync)$/, '');
        pairsFound.set(key, describePair(scope, `${stem}_async`) ?? describePair(scope, stem) ??
            describePair(scope, `${stem}_begin`));
    }
    return pairsFound.get(key);
}

// The native function, also where somebody has promisified it.
function getNative(holder, name) {
    return holder[`_original_${name}`] ?? holder[name];
}

// What is called on an object, and the rest on its class or namespace.
function getHolder(container, pair) {
    if (!pair.isMethod) {
        return container.$gtype !== undefined || isNamespace(container)
            ? container
            : container.constructor;
    }
    return container.$gtype !== undefined && typeof container === 'function'
        ? container.prototype
        : container;
}

// io_priority is an integer in a place where the blocking form has something else.
function splitPriority(pair, args, priority) {
    const {priorityAt: at} = pair;
    if (at < 0)
        return [args, null];
    if (typeof args[at] === 'number')
        return [args.filter((_, i) => i !== at), args[at]];
    return [args, priority];
}

function padArgs(args, n) {
    return args.length < n ? [...args, ...Array(n - args.length).fill(null)] : args;
}

function withPriority(pair, args, priority) {
    const {priorityAt: at} = pair;
    const padded = padArgs(args, pair.nArgs - (at < 0 ? 0 : 1));
    return at < 0 ? padded : [...padded.slice(0, at), priority, ...padded.slice(at)];
}

function putCallback(pair, args, callback) {
    const i = findReadyCallback(pair.asyncArgs);
    return [...args.slice(0, i), callback, ...args.slice(i)];
}

// Whether C can take the value as it is. It would not look, so this does: GJS converts the rest, or refuses it.
function fitsC(value, arg) {
    const {cType, gtype, values, mayBeNull} = arg;
    switch (cType) {
    case 'boolean':
        return typeof value === 'boolean' || value === null;
    case 'string':
        return value === null ? mayBeNull : typeof value === 'string' && !NO_TEXT.test(value);
    case 'pointer':
        return value === null ? mayBeNull : isInstance(value, gtype);
    case 'double':
        return typeof value === 'number' || value === null;
    case 'int':
        return value === null || (value | 0) === value && (values?.includes(value) ?? true);
    case 'uint':
        return value === null || value >>> 0 === value &&
            (value & ~(values?.reduce((mask, flag) => mask | flag, 0) ?? -1)) === 0;
    case 'int64':
        return value === null || Number.isSafeInteger(value);
    case 'uint64':
        return value === null || Number.isSafeInteger(value) && value >= 0;
    default:
        return false;
    }
}

// A GValue as C has it, of what fits; a GValue makes pointers of null, objects, structures and strings.
function toCValue(value, {cType: type}) {
    if (type === 'string' || type === 'pointer')
        return value;
    if (type === 'boolean')
        return Boolean(value);
    value ??= 0;
    // As an int it is the same, and GJS makes that of it.
    if ((type === 'int' || type === 'uint') && value >= 0 && value <= GLib.MAXINT32)
        return value | 0;
    const typed = new GObject.Value();
    typed.init(GObject[`TYPE_${type.toUpperCase()}`]);
    typed[`set_${type}`](value);
    return typed;
}

// Begins in C, whose callback sets a property, which no GJS refuses. Returns whether it has.
function beginInC(pair, target, args, receive) {
    const {libraries, name} = pair.symbol;
    // Those beyond them GJS does not look at, either.
    const given = args.slice(0, pair.nArgs).map(value => value ?? null);
    if (!given.every((value, i) => fitsC(value, pair.asyncArgs[i])))
        return false;
    const values = given.map((value, i) => toCValue(value, pair.asyncArgs[i]));
    if (pair.isMethod)
        values.unshift(target);
    const receiver = borrowReceiver(receive);
    for (const library of libraries) {
        try {
            return SmartAsync.receiver_begin(receiver, library, name, values);
        } catch {
            // It is in another one.
        }
    }
    return false;
}

// Has C begin, and calls resolve(value) or reject(error) later.
function startPair(pair, holder, target, args, resolve, reject) {
    const finish = getNative(pair.isMethod ? target : holder, pair.finishName);
    const receive = result => {
        let value;
        try {
            value = finish.call(target, result);
        } catch (error) {
            reject(error);
            return;
        }
        resolve(value);
    };
    if (!pair.symbol || !beginInC(pair, target, args, receive)) {
        getNative(target, pair.asyncName).apply(target,
            putCallback(pair, args, (source, result) => receive(result)));
    }
}

// What GJS takes for an array of bytes.
function toBytes(value, what) {
    if (value instanceof GLib.Bytes)
        return value;
    if (typeof value === 'string')
        return new GLib.Bytes(new TextEncoder().encode(value));
    if (value instanceof Uint8Array)
        return new GLib.Bytes(value);
    if (Array.isArray(value))
        return new GLib.Bytes(Uint8Array.from(value));
    throw new TypeError(`${what}: it takes a Uint8Array`);
}

// The same of a pair that takes an array, by its sibling that takes a GLib.Bytes.
function startBytes(pair, target, args, resolve, reject) {
    const {at, isAll, sibling} = pair.bytes;
    const bytes = toBytes(args[at], `argument ${at} of ${pair.asyncName}`);
    const begin = (part, then) =>
        startPair(sibling, target, target, args.with?.(at, part) ?? args.map((arg, i) => i === at ? part : arg),
            then, reject);
    if (!isAll) {
        begin(bytes, resolve);
        return;
    }

    const size = bytes.get_size();
    let done = 0;
    const goOn = n => {
        done += n;
        if (done === size) {
            resolve([true, done]);
            return;
        }
        try {
            begin(bytes.new_from_bytes(done, size - done), goOn);
        } catch (error) {
            reject(error);
        }
    };
    begin(bytes, goOn);
}

// The place of the cancellable, where it is not given: a nested call inherits one.
function inheritCancellable(pair, args, call) {
    const taken = pair.asyncArgs.filter((arg, i) =>
        i !== pair.priorityAt && arg.typeName !== 'AsyncReadyCallback');
    const i = taken.findIndex(arg => arg.typeName === 'Cancellable');
    if (i < 0 || (args[i] ?? null) !== null || !call)
        return args;
    const inherited = padArgs(args, i + 1).slice();
    inherited[i] = call.get_cancellable();
    return inherited;
}

// What of() has made, and of what.
const proxied = new WeakMap();

// What a message calls it. A function that is not strict has the global object for none.
function describeValue(value) {
    if (value === undefined || value === null || value === globalThis)
        return 'none';
    return isOfGType(value) ? `a ${value.constructor.$gtype.name}` : 'something else';
}

// The class whose prototype this is, or what was given.
function fromPrototype(container) {
    return Object.hasOwn(container, 'constructor') && container.constructor.prototype === container
        ? container.constructor
        : container;
}

function makePairPlan(where, name, {io_priority: ioPriority = GLib.PRIORITY_DEFAULT, ...options} = {}) {
    const container = fromPrototype(where);
    const pair = findPair(container, name);
    if (pair === null)
        return null;

    const holder = getHolder(container, pair);
    const onInstance = pair.isMethod && holder === container;
    const targetOf = self => {
        if (onInstance || !pair.isMethod)
            return holder;
        const target = proxied.get(self) ?? self;
        if (!isInstance(target, pair.gtype)) {
            throw new TypeError(`${label} needs a ${pair.gtype.name} as its object, as call() or bind() give it, ` +
                `and has ${describeValue(self)}`);
        }
        return target;
    };
    const label = `${makeScope(container).key}.${pair.asyncName}`;

    // Calls resolve(value) or reject(error) later.
    const start = (target, args, resolve, reject) => {
        if (pair.bytes)
            startBytes(pair, target, args, resolve, reject);
        else
            startPair(pair, holder, target, args, resolve, reject);
    };
    const begin = call => {
        const request = getRequest(call);
        const [given, priority] = splitPriority(pair, getArgs(request, call), ioPriority);
        const args = withPriority(pair, inheritCancellable(pair, given, call), priority);
        start(targetOf(request.self), args,
            value => returnValue(call, request, value, label),
            error => {
                request.throwsForC = true;
                returnError(call, request, error);
            });
    };
    const promise = (self, args) => {
        const here = new Error();
        const [given, priority] = splitPriority(pair, args, ioPriority);
        return new Promise((resolve, reject) => {
            start(targetOf(self), withPriority(pair, given, priority), resolve,
                error => reject(fromGError(error, null, here)));
        });
    };
    const block = (self, given, call) => {
        const target = targetOf(self);
        const [args] = splitPriority(pair, given, ioPriority);
        const sync = getNative(target, pair.syncName);
        return sync.apply(target, padArgs(inheritCancellable(pair, args, call),
            pair.nArgs - (pair.priorityAt < 0 ? 0 : 1)));
    };

    const guard = run => call => {
        try {
            run(call);
        } catch (error) {
            returnError(call, getRequest(call), error);
        }
    };
    const func = newFunc(
        guard(begin),
        pair.syncName ? guard(call => {
            const request = getRequest(call);
            returnValue(call, request, block(request.self, getArgs(request, call), call), label);
        }) : null);
    func.set_name(label);
    func.set_offload(false);
    // Some of GIO's functions miss what is cancelled while they begin.
    func.shield_begin();
    if (CURRENT_NAMESPACES.has(pair.namespace))
        func.set_main_context_policy(SmartAsync.MainContextPolicy.CURRENT);

    const {cancellable, source, ...properties} = checkOptions(options);
    setOptions(func, properties);
    const plain = Object.keys(options).length === 0;
    return {
        func,
        inJs: true,
        // A blocking sibling is just called: it knows its cancellable itself.
        direct: plain && pair.syncName
            ? (self, args) => block(self, args, SmartAsync.Call.get_current())
            : null,
        directAio: plain ? promise : null,
        cancellable,
        source,
        isMethod: pair.isMethod,
        bound: onInstance ? container : undefined,
    };
}

function wrap(container, name, options = {}) {
    if (container === null || !['object', 'function'].includes(typeof container))
        throw new TypeError('wrap() takes an object, a class or a namespace, and a name');
    const plan = makePairPlan(container, name, options);
    if (plan === null) {
        throw new TypeError(`${makeScope(container).key} has no pair of functions called ${name}_async ` +
            `(or ${name}) and ${name}_finish`);
    }
    return makeSmart(plan);
}

// Methods that a proxy made by Gio.DBusProxy.makeProxyWrapper() has.
function wrapDBusMethod(object, name) {
    const sync = object[`${name}Sync`];
    const async = object[`${name}Async`];
    if (!(object instanceof Gio.DBusProxy) || typeof sync !== 'function' || typeof async !== 'function')
        return null;
    return makeBound(makePlan((...args) => async.apply(object, args), {
        blocking: (...args) => sync.apply(object, args),
        name,
    }), object);
}

function of(object) {
    if (object === null || !['object', 'function'].includes(typeof object))
        throw new TypeError('of() takes an object, a class or a namespace');

    if (proxied.has(object))
        return object;

    const known = new Map();
    makeScope(object);  // throws where nothing is known
    const proxy = new Proxy(object, {
        get(target, name) {
            if (typeof name !== 'string')
                return Reflect.get(target, name, target);
            if (!known.has(name)) {
                const isPair = !name.endsWith('_finish') && /^[a-z]/.test(name) && findPair(target, name);
                known.set(name, isPair
                    ? makeSmart(makePairPlan(target, name))
                    : wrapDBusMethod(target, name));
            }
            const smart = known.get(name);
            if (smart !== null)
                return smart;
            const value = Reflect.get(target, name, target);
            return typeof value === 'function' && !Object.hasOwn(value, 'prototype')
                ? value.bind(target)
                : value;
        },
        set(target, name, value) {
            return Reflect.set(target, name, value, target);
        },
    });
    proxied.set(proxy, object);
    return proxy;
}

/* Waiting */

let awaiter = null;

// Promise jobs are run before the awaiter takes it: GJS would report a rejection that nobody
// has taken by then.
function takeRejection(value) {
    if (value instanceof Promise)
        value.then(null, () => {});
}

// In a sync context: until a promise has settled. @timeout: in milliseconds; 0: none.
function waitFor(value, timeout = 0) {
    while (isThenable(value)) {
        takeRejection(value);
        if (isFuture(value))
            [, value] = value.wait(timeout > 0 ? timeout * 1000 : -1, null);
        else
            value = (timeout > 0 ? awaiter.options({timeout}) : awaiter).sync(value);
    }
    return value;
}

// Down to what is no future and no promise, with a cancellable that ends the wait only.
function waitForCancellably(value, cancellable) {
    if (isFuture(value)) {
        const [, next] = value.wait(-1, cancellable);
        return isThenable(next) ? waitForCancellably(next, cancellable) : next;
    }
    takeRejection(value);
    return cancellableAwaiter.sync(value, cancellable);
}

let cancellableAwaiter = null;

function smartawait(value, cancellable = null) {
    if (!isAsync()) {
        if (!isThenable(value))
            return value;
        return cancellable === null ? waitFor(value) : waitForCancellably(value, cancellable);
    }
    const promise = Promise.resolve(value);
    return cancellable === null ? promise : toPromise(toFuture(promise, cancellable));
}

function smartcontinuation(value, fn, ...args) {
    if (!isThenable(value)) {
        const result = fn(value, ...args);
        return isThenable(result) && !isAsync() ? waitFor(result) : result;
    }
    if (!isAsync())
        return waitFor(fn(waitFor(value), ...args));

    if (isFuture(value) && value.get_status() !== SmartAsync.FutureStatus.PENDING) {
        try {
            const settled = getResult(value);
            if (!isThenable(settled))
                return Promise.resolve(fn(settled, ...args));
        } catch (error) {
            return Promise.reject(error);
        }
    }
    return Promise.resolve(value).then(settled => fn(settled, ...args));
}

/* The lock */

const undecorated = new WeakMap();

function getPlan(fn) {
    const known = plans.get(fn);
    if (known !== undefined)
        return known;
    if (!undecorated.has(fn))
        undecorated.set(fn, makePlan(fn));
    return undecorated.get(fn);
}

function isCallable(value) {
    return typeof value === 'function' || value instanceof SmartAsync.AsyncFunc;
}

function runOnce(lock, key, fn, args) {
    const plan = getPlan(fn);
    const async = isAsync();
    if (!async)
        refuseInVain(plan.func);

    const {source, values, cancellable} = prepareCall(plan, plan.bound, args, async, true);
    finishCollectionIfBegun();
    const future = inContext(async, () => native.runOnce.call(lock, key, plan.func, source,
        values, cancellable));
    return async ? toPromise(future) : getResult(future);
}

// run_once (f, …args), run_once (key, f, …args), or the library's own form:
// run_once (key, func, source, [args], cancellable).
function lockRunOnce(...args) {
    if (isCallable(args[0]))
        return runOnce(this, null, args[0], args.slice(1));

    const [key, fn, source, list, cancellable] = args;
    if (fn instanceof SmartAsync.AsyncFunc && args.length === 5 &&
        (source === null || source instanceof GObject.Object) &&
        (list === null || Array.isArray(list))) {
        const async = isAsync();
        if (!async)
            refuseInVain(fn);
        return inContext(async, () => native.runOnce.call(this, key, fn, source,
            toValues(list, fn.get_name() ?? 'the function'), cancellable));
    }
    if (!isCallable(fn))
        throw new TypeError('run_once() takes a function, or a key and a function');
    return runOnce(this, key, fn, args.slice(2));
}

/* The plain API, where JavaScript needs something else of it */

function overrideAsyncFunc() {
    const {AsyncFunc} = SmartAsync;
    const {prototype} = AsyncFunc;
    const checkBody = body => {
        if (typeof body !== 'function')
            throw new TypeError('A body is a function, which takes a SmartAsync.Call');
    };

    Object.assign(native, {
        newForReceivers: AsyncFunc.new_for_receivers,
        callv: prototype.callv,
        callAsync: prototype.call_async,
    });

    const {set_signature: setSignature} = prototype;
    prototype.set_signature = function (...args) {
        setSignature.apply(this, args);
        hasSignature.add(this);
    };

    AsyncFunc.new = function (begin) {
        checkBody(begin);
        return newRawFunc(begin, null);
    };
    AsyncFunc.new_blocking = function (body) {
        checkBody(body);
        return newRawFunc(null, body);
    };
    AsyncFunc.new_dual = function (begin, body) {
        checkBody(begin);
        checkBody(body);
        return newRawFunc(begin, body);
    };

    const {derivev} = prototype;
    prototype.derivev = function (...args) {
        const func = derivev.apply(this, args);
        if (this[NEEDS_JOBS])
            func[NEEDS_JOBS] = true;
        return func;
    };

    const nameOf = func => func.get_name() ?? 'the function';
    prototype.callv = function (source, args, cancellable) {
        const async = isAsync();
        if (!async)
            refuseInVain(this);
        const values = toValues(args, nameOf(this));
        return inContext(async, () => native.callv.call(this, source, values, cancellable));
    };
    prototype.call_sync = function (source, args, cancellable) {
        refuseInVain(this);
        finishCollectionIfBegun();
        const values = toValues(args, nameOf(this));
        return [true, getResult(inContext(false,
            () => native.callv.call(this, source, values, cancellable)))];
    };
    prototype.call_async = function (source, args, cancellable, callback) {
        const values = toValues(args, nameOf(this));
        if (!callback || !DROPS_CALLBACKS) {
            native.callAsync.call(this, source, values, cancellable, callback);
            return;
        }
        const future = inContext(true, () => native.callv.call(this, source, values, cancellable));
        whenSettled(future, settled => callback(this, settled));
    };
    prototype.call_finish = function (result) {
        return [true, getResult(result)];
    };

    SmartAsync.run_blocking = function (body, cancellable = null) {
        return AsyncFunc.new_blocking(body).callv(null, [], cancellable);
    };
}

function overrideFuture() {
    const {Future} = SmartAsync;
    const {prototype} = Future;

    native.getValue = prototype.get_value;
    prototype.get_value = function () {
        return [true, getResult(this)];
    };
    native.waitValue = prototype.wait_value;
    prototype.wait_value = translate(native.waitValue);
    prototype.wait = function (...args) {
        finishCollectionIfBegun();
        return [true, unbox(this.wait_value(...args))];
    };
    prototype.wait_finish = function (result) {
        return [true, getResult(result)];
    };
    const waitAsync = prototype.wait_async;
    prototype.wait_async = function (cancellable, callback) {
        if (DROPS_CALLBACKS && !cancellable)
            whenSettled(this, settled => callback(this, settled));
        else
            waitAsync.call(this, cancellable, callback);
    };

    for (const name of ['boolean', 'int', 'uint', 'int64', 'uint64', 'double', 'string', 'object', 'variant'])
        prototype[`get_${name}`] = translate(prototype[`get_${name}`]);

    const {resolve, reject} = prototype;
    Object.assign(native, {resolve, reject});
    prototype.resolve = function (value = null) {
        return resolve.call(this, toValue(value, 'the value of a future'));
    };
    prototype.reject = function (error) {
        return reject.call(this, toGError(error));
    };
    const {new_for_value: newForValue, new_for_error: newForError} = Future;
    Future.new_for_value = value => newForValue.call(Future, toValue(value, 'the value of a future'));
    Future.new_for_error = error => newForError.call(Future, toGError(error));

    // JavaScript's meaning: `await future` calls then().
    prototype.then = function (onResolved, onRejected) {
        return toPromise(this).then(onResolved, onRejected);
    };
    prototype.catch = function (onRejected) {
        return toPromise(this).catch(onRejected);
    };
    prototype.finally = function (onSettled) {
        return toPromise(this).finally(onSettled);
    };

    prototype.add_notify = function () {
        throw new TypeError('add_notify() calls in whatever thread settles the future, where JavaScript ' +
            'cannot run: use then(), or await it');
    };
}

// The ways in which a body returns.
const RETURNS = [
    'none', 'boolean', 'int', 'uint', 'int64', 'uint64', 'double', 'string', 'object', 'variant', 'value',
    'error', 'new_error_literal', 'error_if_cancelled', 'future',
];

// What tells whether the call has been cancelled has not returned, if it gives false.
function noteReturns(prototype, name) {
    const method = prototype[name];
    prototype[name] = function (...args) {
        const returned = method.apply(this, args);
        if (returned !== false && unreturned === this)
            unreturned = null;
        return returned;
    };
}

function overrideCall() {
    const {prototype} = SmartAsync.Call;

    native.callGetValue = prototype.get_value;
    native.returnValue = prototype.return_value;
    native.returnError = prototype.return_error;
    prototype.get_value = function (i) {
        return unbox(native.callGetValue.call(this, i));
    };
    prototype.return_value = function (value = null) {
        native.returnValue.call(this, toValue(value, 'the result'));
    };
    prototype.return_error = function (error) {
        native.returnError.call(this, toGError(error));
    };
    RETURNS.forEach(what => noteReturns(prototype, `return_${what}`));
}

function overrideLock() {
    const {prototype} = SmartAsync.Lock;

    native.runOnce = prototype.run_once;
    prototype.run_once = lockRunOnce;
    prototype.run_once_sync = function (key, func, source, args, cancellable) {
        refuseInVain(func);
        finishCollectionIfBegun();
        const values = toValues(args, func.get_name() ?? 'the function');
        return [true, getResult(inContext(false,
            () => native.runOnce.call(this, key, func, source, values, cancellable)))];
    };
    prototype.run_once_finish = function (result) {
        return [true, getResult(result)];
    };
}

function overrideContext() {
    native.isAsync = SmartAsync.context_is_async;
    native.survey = SmartAsync.context_survey;
    native.describe = SmartAsync.context_describe;
    native.pushMode = SmartAsync.context_push_mode;
    native.popMode = SmartAsync.context_pop_mode;
    SmartAsync.context_is_async = () => isAsync();
    SmartAsync.context_describe = describe;
}

function overrideAwait() {
    const {await: nativeAwait} = SmartAsync;
    SmartAsync.await = (value, cancellable) => inContext(isAsync(),
        () => nativeAwait(toValue(value, 'the value'), cancellable));
}

function _init() {
    SmartAsync = this;

    native.isFloating = GObject.Object.prototype.is_floating;
    native.exceptionNew = SmartAsync.exception_new;
    native.exceptionGet = SmartAsync.exception_get_value;
    native.exceptionDomain = SmartAsync.exception_quark();

    defineClasses();
    native.anyException = native.exceptionNew(false, 'An exception of JavaScript');
    overrideContext();
    overrideAsyncFunc();
    overrideFuture();
    overrideCall();
    overrideLock();
    overrideAwait();

    const {exit} = System;
    System.exit = status => {
        exitStatus = status;
        exit(status);
    };
    if (DROPS_CALLBACKS) {
        registry = new FinalizationRegistry(finishCollection);
        plantCanary();
    }

    SmartAsync.smartasync = smartasync;
    SmartAsync.of = of;
    SmartAsync.wrap = wrap;
    SmartAsync.smartawait = smartawait;
    SmartAsync.smartcontinuation = smartcontinuation;
    SmartAsync.SmartLock = SmartAsync.Lock;
    SmartAsync.reset = SmartAsync.async_reset;

    awaiter = smartasync(async promise => {
        const value = await promise;
        return value;
    }, {name: 'a promise', abandon_on_cancel: true});
    cancellableAwaiter = smartasync(async (promise, cancellable) => {
        const value = await toFuture(Promise.resolve(promise), cancellable);
        return value;
    }, {name: 'a promise'});
}

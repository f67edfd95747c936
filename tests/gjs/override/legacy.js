// SPDX-License-Identifier: LGPL-2.1-or-later

// Legacy imports have the override, too.

imports.gi.versions.SmartAsync = '1.0';
const {GLib, SmartAsync} = imports.gi;

const later = SmartAsync.smartasync(async value => {
    await new Promise(resolve => GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        resolve();
        return GLib.SOURCE_REMOVE;
    }));
    return value;
});

const loop = new GLib.MainLoop(null, false);
const seen = [later(1)];
GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
    seen.push(SmartAsync.context_is_async());
    later(2).then(value => seen.push(value)).finally(() => loop.quit());
    return GLib.SOURCE_REMOVE;
});
loop.run();

print('1..1');
const passed = seen.join() === '1,true,2';
print(`${passed ? 'ok' : 'not ok'} 1 /gjs/legacy/imports/main`);
imports.system.exit(passed ? 0 : 1);

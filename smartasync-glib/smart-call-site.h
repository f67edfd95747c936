/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-async-func.h>
#include <smartasync-glib/smart-await.h>
#include <smartasync-glib/smart-future.h>
#include <smartasync-glib/smart-lock.h>

G_BEGIN_DECLS

/* What the macros below use; not to be called by hand. */

SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_call_site_name_func     (SmartAsyncFunc *func,
                                               const char     *args,
                                               const char     *where);
SMART_AVAILABLE_IN_1_0
SmartFuture    *smart_call_site_name_future   (SmartFuture    *future,
                                               const char     *where);
SMART_AVAILABLE_IN_1_0
SmartFuture    *smart_call_site_run_blocking  (const char     *args,
                                               const char     *where,
                                               SmartBody       body,
                                               gpointer        user_data,
                                               GDestroyNotify  destroy,
                                               GCancellable   *cancellable);

/*
 * What C code makes is called, by who dumps and refuses waits, as the code that
 * made it: a function like its body, a future like the line. A name that is set
 * by hand comes first.
 *
 * A macro does not expand within itself, nor where no parenthesis follows: so
 * &smart_future_new is the function, and so is (smart_future_new).
 *
 * Who does not want the names of source files in a program defines
 * SMARTASYNC_DISABLE_CALL_SITES.
 */

#ifndef __GI_SCANNER__
#if !defined (SMARTASYNC_GLIB_COMPILATION) && !defined (SMARTASYNC_DISABLE_CALL_SITES)

/* The arguments are to be seen as they are written. */
#define SMART_CALL_SITE_FUNC(made, args)      (smart_call_site_name_func (made, args, G_STRLOC))
#define SMART_CALL_SITE_FUTURE(func, ...)     (smart_call_site_name_future (func (__VA_ARGS__), G_STRLOC))

#define smart_async_func_new(...) \
  SMART_CALL_SITE_FUNC ((smart_async_func_new) (__VA_ARGS__), #__VA_ARGS__)
#define smart_async_func_new_blocking(...) \
  SMART_CALL_SITE_FUNC ((smart_async_func_new_blocking) (__VA_ARGS__), #__VA_ARGS__)
#define smart_async_func_new_dual(...) \
  SMART_CALL_SITE_FUNC ((smart_async_func_new_dual) (__VA_ARGS__), #__VA_ARGS__)
#define smart_async_func_new_for_pair(...) \
  SMART_CALL_SITE_FUNC ((smart_async_func_new_for_pair) (__VA_ARGS__), #__VA_ARGS__)

#define smart_run_blocking(...) \
  (smart_call_site_run_blocking (#__VA_ARGS__, G_STRLOC, __VA_ARGS__))

#define smart_async_func_call(...)         SMART_CALL_SITE_FUTURE ((smart_async_func_call), __VA_ARGS__)
#define smart_async_func_callv(...)        SMART_CALL_SITE_FUTURE ((smart_async_func_callv), __VA_ARGS__)
#define smart_await(...)                   SMART_CALL_SITE_FUTURE ((smart_await), __VA_ARGS__)
#define smart_continuation(...)            SMART_CALL_SITE_FUTURE ((smart_continuation), __VA_ARGS__)
#define smart_future_all(...)              SMART_CALL_SITE_FUTURE ((smart_future_all), __VA_ARGS__)
#define smart_future_allv(...)             SMART_CALL_SITE_FUTURE ((smart_future_allv), __VA_ARGS__)
#define smart_future_any(...)              SMART_CALL_SITE_FUTURE ((smart_future_any), __VA_ARGS__)
#define smart_future_anyv(...)             SMART_CALL_SITE_FUTURE ((smart_future_anyv), __VA_ARGS__)
#define smart_future_catch(...)            SMART_CALL_SITE_FUTURE ((smart_future_catch), __VA_ARGS__)
#define smart_future_finally(...)          SMART_CALL_SITE_FUTURE ((smart_future_finally), __VA_ARGS__)
#define smart_future_new(...)              SMART_CALL_SITE_FUTURE ((smart_future_new), __VA_ARGS__)
#define smart_future_new_for_error(...)    SMART_CALL_SITE_FUTURE ((smart_future_new_for_error), __VA_ARGS__)
#define smart_future_new_for_value(...)    SMART_CALL_SITE_FUTURE ((smart_future_new_for_value), __VA_ARGS__)
#define smart_future_race(...)             SMART_CALL_SITE_FUTURE ((smart_future_race), __VA_ARGS__)
#define smart_future_racev(...)            SMART_CALL_SITE_FUTURE ((smart_future_racev), __VA_ARGS__)
#define smart_future_then(...)             SMART_CALL_SITE_FUTURE ((smart_future_then), __VA_ARGS__)
#define smart_future_with_timeout(...)     SMART_CALL_SITE_FUTURE ((smart_future_with_timeout), __VA_ARGS__)
#define smart_lock_run_once(...)           SMART_CALL_SITE_FUTURE ((smart_lock_run_once), __VA_ARGS__)

#endif
#endif /* __GI_SCANNER__ */

G_END_DECLS

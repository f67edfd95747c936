/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

/*
 * Functions whose bodies are C, for languages whose own must not run on a
 * worker.
 */

SmartAsyncFunc *smart_fixture_echo_new  (SmartAsyncFuncKind kind);
SmartAsyncFunc *smart_fixture_fail_new  (SmartAsyncFuncKind kind);
char           *smart_fixture_describe  (const GValue      *value);

G_END_DECLS

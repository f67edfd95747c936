/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define SMARTASYNC_GLIB_INSIDE

#include <smartasync-glib/smart-version.h>
#include <smartasync-glib/smart-types.h>
#include <smartasync-glib/smart-enum-types.h>
#include <smartasync-glib/smart-error.h>
#include <smartasync-glib/smart-context.h>
#include <smartasync-glib/smart-call.h>
#include <smartasync-glib/smart-future.h>
#include <smartasync-glib/smart-async-func.h>
#include <smartasync-glib/smart-define.h>
#include <smartasync-glib/smart-executor.h>
#include <smartasync-glib/smart-await.h>
#include <smartasync-glib/smart-lock.h>
#include <smartasync-glib/smart-receiver.h>
#include <smartasync-glib/smart-sync-call.h>
#include <smartasync-glib/smart-debug.h>
#include <smartasync-glib/smart-call-site.h>
#include <smartasync-glib/smart-vala.h>

#undef SMARTASYNC_GLIB_INSIDE

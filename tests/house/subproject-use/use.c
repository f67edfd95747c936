/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <smartasync-glib/smartasync-glib.h>

static void
add_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0) + smart_call_get_int (call, 1));
}

int
main (void)
{
  g_autoptr (SmartAsyncFunc) add = smart_async_func_new_blocking (add_body, NULL, NULL);
  g_autoptr (SmartFuture) sum =
      smart_async_func_call (add, NULL, NULL, G_TYPE_INT, 40, G_TYPE_INT, 2, G_TYPE_INVALID);

  g_assert_cmpint (smart_future_get_int (sum, NULL), ==, 42);
  return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The author's side: the SHA-256 of a file, as a blocking and as an
 * asynchronous function. Neither knows where it will be called from. */

#include "smart-sums-hash.h"

/* Hashing this much takes the loop a quarter of a millisecond. */
#define CHUNK_SIZE (64 * 1024)

/* As a blocking function: read, add, read, add. */

static void
hash_blocking (SmartCall *call, gpointer user_data)
{
  GFile *file = smart_call_get_object (call, 0);
  GCancellable *cancellable = smart_call_get_cancellable (call);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guchar *chunk = g_malloc (CHUNK_SIZE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) stream = g_file_read (file, cancellable, &error);
  gssize size = -1;

  while (stream != NULL && (size = g_input_stream_read (G_INPUT_STREAM (stream), chunk, CHUNK_SIZE,
                                                        cancellable, &error)) > 0)
    g_checksum_update (checksum, chunk, size);

  if (size == 0)
    smart_call_return_string (call, g_strdup (g_checksum_get_string (checksum)));
  else
    smart_call_return_error (call, g_steal_pointer (&error));
}

/* As an asynchronous function: the same, one callback a step. */

typedef struct
{
  SmartCall *call;
  GChecksum *checksum;
} Hash;

static void
hash_free (Hash *hash)
{
  g_object_unref (hash->call);
  g_checksum_free (hash->checksum);
  g_free (hash);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Hash, hash_free)

static void on_chunk_read (GObject *source, GAsyncResult *result, gpointer user_data);

static void
read_chunk (GInputStream *stream, Hash *hash)
{
  g_input_stream_read_bytes_async (stream, CHUNK_SIZE, G_PRIORITY_DEFAULT,
                                   smart_call_get_cancellable (hash->call), on_chunk_read, hash);
}

static void
on_chunk_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GInputStream *stream = G_INPUT_STREAM (source);
  g_autoptr (Hash) hash = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) chunk = g_input_stream_read_bytes_finish (stream, result, &error);

  if (chunk == NULL)
    {
      smart_call_return_error (hash->call, g_steal_pointer (&error));
    }
  else if (g_bytes_get_size (chunk) == 0)
    {
      smart_call_return_string (hash->call, g_strdup (g_checksum_get_string (hash->checksum)));
    }
  else
    {
      g_checksum_update (hash->checksum, g_bytes_get_data (chunk, NULL), g_bytes_get_size (chunk));
      read_chunk (stream, g_steal_pointer (&hash));
    }
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (SmartCall) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) stream = g_file_read_finish (G_FILE (source), result, &error);
  Hash *hash;

  if (stream == NULL)
    {
      smart_call_return_error (call, g_steal_pointer (&error));
      return;
    }

  hash = g_new (Hash, 1);
  hash->call = g_steal_pointer (&call);
  hash->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  read_chunk (G_INPUT_STREAM (stream), hash);
}

static void
hash_asynchronous (SmartCall *call, gpointer user_data)
{
  g_file_read_async (smart_call_get_object (call, 0), G_PRIORITY_DEFAULT,
                     smart_call_get_cancellable (call), on_opened, g_object_ref (call));
}

/* What callers get: one object each, for every caller and every context. */

static SmartAsyncFunc *
with_signature (SmartAsyncFunc *func, const char *name)
{
  smart_async_func_set_name (func, name);
  smart_async_func_set_signature (func, G_TYPE_STRING, (GType[]) { G_TYPE_FILE }, 1);

  return func;
}

/**
 * smart_sums_hash_blocking_func:
 *
 * A function of a [iface@Gio.File] that gives its SHA-256, in hexadecimal
 * digits. It blocks; called from a running main loop, it runs on a worker.
 *
 * Returns: (transfer none): the function
 */
SmartAsyncFunc *
smart_sums_hash_blocking_func (void)
{
  static SmartAsyncFunc *func = NULL;

  if (g_once_init_enter (&func))
    g_once_init_leave (&func,
                       with_signature (smart_async_func_new_blocking (hash_blocking, NULL, NULL),
                                       "hash_blocking"));

  return func;
}

/**
 * smart_sums_hash_asynchronous_func:
 *
 * The same as [func@SmartSums.hash_blocking_func], by asynchronous reads.
 *
 * Returns: (transfer none): the function
 */
SmartAsyncFunc *
smart_sums_hash_asynchronous_func (void)
{
  static SmartAsyncFunc *func = NULL;

  if (g_once_init_enter (&func))
    g_once_init_leave (&func, with_signature (smart_async_func_new (hash_asynchronous, NULL, NULL),
                                              "hash_asynchronous"));

  return func;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

#define THING_EXPORT extern __attribute__ ((visibility ("default")))

#define THING_TYPE_BOOK (thing_book_get_type ())

/**
 * ThingBook:
 *
 * A text, and what can be asked of it.
 */
THING_EXPORT
G_DECLARE_FINAL_TYPE (ThingBook, thing_book, THING, BOOK, GObject)

/**
 * thing_book_load:
 * @path: (type filename): where the text is
 * @max: how many bytes it may have; 0 for any
 * @cancellable: (nullable): cancels the call
 * @error: return location for an error
 *
 * Loads a book, and waits for it.
 *
 * Returns: (transfer full): the book
 */
THING_EXPORT
ThingBook      *thing_book_load         (const char           *path,
                                         guint                 max,
                                         GCancellable         *cancellable,
                                         GError              **error);

/**
 * thing_book_load_async:
 * @path: (type filename): where the text is
 * @max: how many bytes it may have; 0 for any
 * @cancellable: (nullable): cancels the call
 * @callback: (scope async) (nullable): called when the book is there
 * @user_data: what to give it
 *
 * Begins to load a book.
 */
THING_EXPORT
void            thing_book_load_async   (const char           *path,
                                         guint                 max,
                                         GCancellable         *cancellable,
                                         GAsyncReadyCallback   callback,
                                         gpointer              user_data);

/**
 * thing_book_load_finish:
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends what thing_book_load_async() began.
 *
 * Returns: (transfer full): the book
 */
THING_EXPORT
ThingBook      *thing_book_load_finish  (GAsyncResult         *result,
                                         GError              **error);

/**
 * thing_book_load_future:
 * @path: (type filename): where the text is
 * @max: how many bytes it may have; 0 for any
 * @cancellable: (nullable): cancels the call
 *
 * Loads a book, in the way that fits the caller's context.
 *
 * Returns: (transfer full): the book, now or later
 */
THING_EXPORT
SmartFuture    *thing_book_load_future  (const char           *path,
                                         guint                 max,
                                         GCancellable         *cancellable);

/**
 * thing_book_load_func:
 *
 * The function that loads a book, to be given to who calls functions: a lock,
 * for one.
 *
 * Returns: (transfer none): the function
 */
THING_EXPORT
SmartAsyncFunc *thing_book_load_func    (void);

/**
 * thing_book_count:
 * @self: a book
 * @word: what to look for
 * @cancellable: (nullable): cancels the call
 * @error: return location for an error
 *
 * Counts how often something is in a book, and waits for it.
 *
 * Returns: how often
 */
THING_EXPORT
int             thing_book_count        (ThingBook            *self,
                                         const char           *word,
                                         GCancellable         *cancellable,
                                         GError              **error);

/**
 * thing_book_count_async:
 * @self: a book
 * @word: what to look for
 * @cancellable: (nullable): cancels the call
 * @callback: (scope async) (nullable): called when it is known
 * @user_data: what to give it
 *
 * Begins to count how often something is in a book.
 */
THING_EXPORT
void            thing_book_count_async  (ThingBook            *self,
                                         const char           *word,
                                         GCancellable         *cancellable,
                                         GAsyncReadyCallback   callback,
                                         gpointer              user_data);

/**
 * thing_book_count_finish:
 * @self: a book
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends what thing_book_count_async() began.
 *
 * Returns: how often
 */
THING_EXPORT
int             thing_book_count_finish (ThingBook            *self,
                                         GAsyncResult         *result,
                                         GError              **error);

/**
 * thing_book_count_future:
 * @self: a book
 * @word: what to look for
 * @cancellable: (nullable): cancels the call
 *
 * Counts how often something is in a book, in the way that fits the caller's
 * context.
 *
 * Returns: (transfer full): how often, now or later
 */
THING_EXPORT
SmartFuture    *thing_book_count_future (ThingBook            *self,
                                         const char           *word,
                                         GCancellable         *cancellable);

/**
 * thing_book_count_func: (skip)
 *
 * The function that counts.
 *
 * Returns: (transfer none): the function
 */
THING_EXPORT
SmartAsyncFunc *thing_book_count_func   (void);

G_END_DECLS

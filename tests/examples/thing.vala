// SPDX-License-Identifier: LGPL-2.1-or-later

// Usage: thing FILE WORD: the library in examples/c/thing, by its usual names.

async void count_later (string path, string word) throws Error {
	var book = yield Thing.Book.load_async (path, 0, null);
	print ("async: %d\n", yield book.count_async (word, null));
}

int main (string[] args) {
	var loop = new MainLoop ();
	try {
		print ("sync: %d\n", Thing.Book.load (args[1], 0).count (args[2]));
		var book = (Thing.Book) Thing.Book.load_future (args[1], 0).get_object ();
		print ("smart: %d\n", book.count_future (args[2]).get_int ());
		Thing.Book.load (args[1], 1);
	} catch (Error error) {
		print ("error: %s\n", error.domain.to_string ());
	}
	count_later.begin (args[1], args[2], (source, result) => {
		try {
			count_later.end (result);
		} catch (Error error) {
			printerr ("%s\n", error.message);
		}
		loop.quit ();
	});
	loop.run ();
	return 0;
}

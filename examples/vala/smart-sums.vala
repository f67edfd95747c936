/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smart-sums FOLDER RESULTS: the SHA-256 of every regular file below FOLDER
 * (symbolic links are not followed), by a blocking and by an asynchronous
 * function, each called from plain code and from inside a running main loop.
 * Each run writes a file in RESULTS, in sha256sum's format, and one line of
 * figures to standard output. */

// Hashing this much takes the loop a quarter of a millisecond.
const size_t CHUNK_SIZE = 64 * 1024;

// GIO's own pool has ten threads: more would only queue.
const uint MAX_IN_FLIGHT = 16;

// The author's side: the SHA-256 of a file, as a blocking function …

string hash_blocking (File file, Cancellable? cancellable) throws Error {
  var checksum = new Checksum (ChecksumType.SHA256);
  var chunk = new uint8[CHUNK_SIZE];
  var stream = file.read (cancellable);
  ssize_t size;

  while ((size = stream.read (chunk, cancellable)) > 0)
    checksum.update (chunk, size);
  return checksum.get_string ();
}

// … and as an asynchronous one.

async string hash_asynchronous (File file, Cancellable? cancellable) throws Error {
  var checksum = new Checksum (ChecksumType.SHA256);
  var stream = yield file.read_async (Priority.DEFAULT, cancellable);
  Bytes chunk;

  while ((chunk = yield stream.read_bytes_async (CHUNK_SIZE, Priority.DEFAULT, cancellable)).length > 0)
    checksum.update (chunk.get_data (), chunk.length);
  return checksum.get_string ();
}

// The caller's side, the same in both contexts. In a sync context each future
// comes back settled; inside the loop most are pending, and the rest is called
// as they settle.

class Run {
  public SmartAsync.AsyncFunc func;
  public string title;
  public GenericArray<File> files;
  public GenericArray<SmartAsync.Future> futures = new GenericArray<SmartAsync.Future> ();
  public uint ticks;
  public int64 longest_gap;

  uint in_flight;
  MainLoop? loop;  // null in a sync context
  int64 last_tick;
  int64 last_progress;

  public Run (SmartAsync.AsyncFunc func, GenericArray<File> files, string title) {
    this.func = func;
    this.files = files;
    this.title = title;
  }

  public void call_for_files () {
    while (futures.length < files.length && in_flight < MAX_IN_FLIGHT) {
      var future = func.callv (null, { files[futures.length] });

      futures.add (future);
      if (future.status == PENDING) {
        in_flight++;
        future.wait_async.begin (null, on_settled);
      }
      show_progress ();
    }

    if (in_flight == 0 && loop != null)
      loop.quit ();
  }

  void on_settled (Object? future, AsyncResult result) {
    in_flight--;
    call_for_files ();
  }

  public void call_in_loop () {
    loop = new MainLoop ();
    var tick = Timeout.add (1, on_tick);
    last_tick = get_monotonic_time ();
    Idle.add (() => {
      call_for_files ();
      return Source.REMOVE;
    });
    loop.run ();
    note_gap ();
    Source.remove (tick);
  }

  bool on_tick () {
    ticks++;
    note_gap ();
    return Source.CONTINUE;
  }

  void note_gap () {
    var now = get_monotonic_time ();
    longest_gap = int64.max (longest_gap, now - last_tick);
    last_tick = now;
  }

  void show_progress () {
    var now = get_monotonic_time ();
    if (now - last_progress < 100000 || !Posix.isatty (2))
      return;
    printerr ("\r%s: %u of %u\033[K", title, futures.length - in_flight, files.length);
    last_progress = now;
  }
}

// Says what is wrong with a file once, however many runs stumble over it.
void complain (GenericSet<string> unreadable, File file, Error error) {
  if (!unreadable.contains (file.get_uri ()))
    printerr ("smart-sums: %s: %s\n", file.get_parse_name (), error.message);
  unreadable.add (file.get_uri ());
}

void list_files (File folder, GenericArray<File> files, GenericSet<string> unreadable) {
  try {
    var children = folder.enumerate_children ("standard::name,standard::type",
                                              FileQueryInfoFlags.NOFOLLOW_SYMLINKS);
    FileInfo? info;

    while ((info = children.next_file ()) != null) {
      if (info.get_file_type () == FileType.DIRECTORY)
        list_files (children.get_child (info), files, unreadable);
      else if (info.get_file_type () == FileType.REGULAR)
        files.add (children.get_child (info));
    }
  } catch (Error error) {
    complain (unreadable, folder, error);
  }
}

// Like sha256sum: a name that would break the line is escaped, and the line says so.
string line (string sum, File file) {
  var name = new StringBuilder (file.get_path ());
  var escapes = name.replace ("\\", "\\\\") + name.replace ("\n", "\\n") + name.replace ("\r", "\\r");

  return "%s%s  %s\n".printf (escapes > 0 ? "\\" : "", sum, name.str);
}

void run_once (SmartAsync.AsyncFunc func, string function, bool in_loop, GenericArray<File> files,
               GenericSet<string> unreadable, string results) throws Error {
  var context = in_loop ? "async" : "sync";
  var run = new Run (func, files, @"Vala, $context, $function");
  var begin = get_monotonic_time ();

  if (in_loop)
    run.call_in_loop ();
  else
    run.call_for_files ();

  var seconds = (get_monotonic_time () - begin) / 1e6;
  if (Posix.isatty (2))
    printerr ("\r\033[K");

  var lines = new StringBuilder ();
  var n_sums = 0;
  for (var i = 0; i < files.length; i++) {
    try {
      lines.append (line (run.futures[i].get<string> (), files[i]));
      n_sums++;
    } catch (Error error) {
      complain (unreadable, files[i], error);
    }
  }
  FileUtils.set_contents (Path.build_filename (results, @"$context-$function"), lines.str);

  print ("Vala\t%s\t%s\t%d\t%.3f\t", context, function, n_sums, seconds);
  if (in_loop)
    print ("%u\t%.1f\n", run.ticks, run.longest_gap / 1e3);
  else
    print ("-\t-\n");
}

int main (string[] args) {
  Intl.setlocale (LocaleCategory.CTYPE, "");
  if (args.length != 3) {
    printerr ("Usage: smart-sums FOLDER RESULTS\n");
    return 2;
  }

  var files = new GenericArray<File> ();
  var unreadable = new GenericSet<string> (str_hash, str_equal);
  list_files (File.new_for_commandline_arg (args[1]), files, unreadable);
  files.sort ((a, b) => strcmp (a.get_path (), b.get_path ()));

  var blocking = SmartAsync.AsyncFunc.of_blocking<string> (
    (call) => hash_blocking (call.get<File> (0), call.get_cancellable ()));
  var asynchronous = SmartAsync.AsyncFunc.of_async<string> (
    (call, cb) => hash_asynchronous.begin (call.get<File> (0), call.get_cancellable (), (owned) cb),
    (result) => hash_asynchronous.end (result));
  blocking.name = "hash_blocking";
  asynchronous.name = "hash_asynchronous";
  blocking.set_signature (typeof (string), { typeof (File) });
  asynchronous.set_signature (typeof (string), { typeof (File) });

  try {
    foreach (var in_loop in new bool[] { false, true }) {
      run_once (blocking, "blocking", in_loop, files, unreadable, args[2]);
      run_once (asynchronous, "asynchronous", in_loop, files, unreadable, args[2]);
    }
  } catch (Error error) {
    printerr ("smart-sums: %s\n", error.message);
    return 1;
  }

  return unreadable.length == 0 ? 0 : 1;
}

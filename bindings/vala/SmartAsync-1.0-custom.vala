// SPDX-License-Identifier: LGPL-2.1-or-later

// What the GIR cannot say: generics, which come with valac's own calling
// convention, and functions with a variable number of arguments.

namespace SmartAsync {
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaWork")]
	public delegate T Work<T> () throws GLib.Error;
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaBody", instance_pos = 1.9)]
	public delegate T BlockingBody<T> (SmartAsync.Call call) throws GLib.Error;
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaBegin")]
	public delegate void Begin (owned GLib.AsyncReadyCallback callback);
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaBeginBody")]
	public delegate void BeginBody (SmartAsync.Call call, owned GLib.AsyncReadyCallback callback);
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaFinish", instance_pos = 1.9)]
	public delegate T Finish<T> (GLib.AsyncResult result) throws GLib.Error;

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "smart_vala_offload", finish_name = "smart_vala_offload_finish")]
	public static async T offload<T> (owned SmartAsync.Work<T> work, GLib.Cancellable? cancellable = null, SmartAsync.Executor? executor = null) throws GLib.Error;
	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "smart_vala_run_sync")]
	public static T run_sync<T> (SmartAsync.Begin begin, SmartAsync.Finish<T> finish, SmartAsync.MainContextPolicy policy = SmartAsync.MainContextPolicy.PRIVATE) throws GLib.Error;

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", type_id = "smart_async_func_get_type ()")]
	[Version (since = "1.0")]
	public sealed class AsyncFunc : GLib.Object {
		[CCode (cname = "smart_vala_func_of_blocking")]
		public static SmartAsync.AsyncFunc of_blocking<T> (owned SmartAsync.BlockingBody<T> body);
		[CCode (cname = "smart_vala_func_of_async")]
		public static SmartAsync.AsyncFunc of_async<T> (owned SmartAsync.BeginBody begin, owned SmartAsync.Finish<T> finish);
		[CCode (cname = "smart_vala_func_of_dual")]
		public static SmartAsync.AsyncFunc of_dual<T> (owned SmartAsync.BeginBody begin, owned SmartAsync.Finish<T> finish, owned SmartAsync.BlockingBody<T> body);
		[CCode (cname = "smart_async_func_derive", sentinel = "NULL")]
		public SmartAsync.AsyncFunc derive (string? first_property, ...);
		[CCode (cname = "smart_vala_func_invoke_sync")]
		public T invoke_sync<T> (GLib.Object? source = null, [CCode (array_length_type = "guint")] GLib.Value[]? args = null, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[CCode (cname = "smart_vala_func_invoke_async", finish_name = "smart_vala_func_invoke_finish")]
		public async T invoke_async<T> (GLib.Object? source = null, [CCode (array_length_type = "guint")] GLib.Value[]? args = null, GLib.Cancellable? cancellable = null) throws GLib.Error;
	}

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", type_id = "smart_call_get_type ()")]
	[Version (since = "1.0")]
	public sealed class Call : GLib.Object {
		[CCode (cname = "smart_vala_call_get")]
		public T get<T> (uint index);
	}

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", type_id = "smart_future_get_type ()")]
	[Version (since = "1.0")]
	public sealed class Future : GLib.Object, GLib.AsyncResult {
		[CCode (cname = "smart_future_all")]
		public static SmartAsync.Future all (params SmartAsync.Future[] futures);
		[CCode (cname = "smart_future_any")]
		public static SmartAsync.Future any (params SmartAsync.Future[] futures);
		[CCode (cname = "smart_future_race")]
		public static SmartAsync.Future race (params SmartAsync.Future[] futures);
		[CCode (cname = "smart_vala_future_get")]
		public T get<T> () throws GLib.Error;
		[CCode (cname = "smart_vala_future_wait_for")]
		public T wait_for<T> (int64 timeout_usec = -1, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[CCode (cname = "smart_vala_future_wait_for_async", finish_name = "smart_vala_future_wait_for_finish")]
		public async T wait_for_async<T> (GLib.Cancellable? cancellable = null) throws GLib.Error;
	}

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", type_id = "smart_lock_get_type ()")]
	[Version (since = "1.0")]
	public sealed class Lock : GLib.Object {
		[CCode (cname = "smart_vala_lock_invoke_sync")]
		public T invoke_once_sync<T> (string? key, SmartAsync.AsyncFunc func, GLib.Object? source = null, [CCode (array_length_type = "guint")] GLib.Value[]? args = null, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[CCode (cname = "smart_vala_lock_invoke_async", finish_name = "smart_vala_lock_invoke_finish")]
		public async T invoke_once_async<T> (string? key, SmartAsync.AsyncFunc func, GLib.Object? source = null, [CCode (array_length_type = "guint")] GLib.Value[]? args = null, GLib.Cancellable? cancellable = null) throws GLib.Error;
	}

	[CCode (cheader_filename = "smartasync-glib/smartasync-glib.h", cname = "SmartValaSyncCall", free_function = "smart_vala_sync_call_free", has_type_id = false)]
	[Compact]
	public class SyncCall {
		[CCode (cname = "smart_vala_sync_call_new", has_construct_function = false)]
		public SyncCall (SmartAsync.MainContextPolicy policy = SmartAsync.MainContextPolicy.PRIVATE);
		[CCode (cname = "smart_vala_sync_call_ready", instance_pos = -1)]
		public void ready (GLib.Object? source, GLib.AsyncResult result);
		[CCode (cname = "smart_vala_sync_call_wait")]
		public GLib.AsyncResult wait ();
	}
}

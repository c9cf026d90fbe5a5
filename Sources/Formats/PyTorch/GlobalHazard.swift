/// What is known about importing and calling a global.
///
/// This decides nothing: no global is ever imported here. It tells the owner of
/// a file what loading it with Python could do.
public enum GlobalHazard: String, Sendable, Hashable {
  /// Part of what torch and its trainers write; only builds values.
  case harmless
  /// Neither known to be harmless nor to be dangerous.
  case unknown
  /// Can run code, read or write files, or load more pickles.
  case dangerous

  /// The hazard of a full dotted name, of which `known` says whether it is one
  /// of those that the reader understands.
  init(of name: String, known: Bool) {
    if known || GlobalNames.harmless.contains(name) || Self.isTorchScriptClass(name) {
      self = .harmless
    } else if Self.isDangerous(name) {
      self = .dangerous
    } else {
      self = .unknown
    }
  }

  /// Classes of a TorchScript archive, whose code no unpickling runs.
  private static func isTorchScriptClass(_ name: String) -> Bool { name.hasPrefix("__torch__.") }

  /// A module is dangerous with all that is below it.
  private static func isDangerous(_ name: String) -> Bool {
    if name.contains(TorchGlobal.computed) { return true }
    var prefix = name[...]
    while true {
      if GlobalNames.dangerous.contains(String(prefix)) { return true }
      guard let dot = prefix.lastIndex(of: ".") else { return false }
      prefix = prefix[..<dot]
    }
  }

}

/// A name that a pickle would have Python import, and what is known of it.
public struct GlobalUse: Sendable, Hashable {
  /// The module and the attribute, with a dot between them.
  public var name: String
  public var hazard: GlobalHazard

  public init(name: String, hazard: GlobalHazard) {
    self.name = name
    self.hazard = hazard
  }
}

/// What is known of globals by name.
private enum GlobalNames {
  static let harmless: Set<String> = [
    "_codecs.encode", "argparse.Namespace", "builtins.bytearray", "builtins.complex",
    "builtins.frozenset", "builtins.int", "builtins.float", "builtins.list", "builtins.object",
    "builtins.range", "builtins.set", "builtins.slice", "builtins.str", "builtins.bytes",
    "builtins.tuple", "builtins.bool", "collections.deque", "copyreg._reconstructor",
    "datetime.date", "datetime.datetime", "datetime.timedelta", "datetime.timezone",
    "decimal.Decimal", "fractions.Fraction", "uuid.UUID",
    "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy.dtype",
    "numpy.ndarray", "numpy._core.numeric._frombuffer", "numpy.core.numeric._frombuffer",
    "numpy.random._pickle.__generator_ctor", "numpy.random._pickle.__bit_generator_ctor",
    "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.PurePath",
    "pathlib.WindowsPath", "pathlib.PureWindowsPath",
    "torch.Tensor", "torch._C._nn.Parameter", "torch.device", "torch.Generator",
    "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer",
    "torch.nn.parameter.UninitializedParameter", "torch.nn.parameter.UninitializedBuffer",
    "torch.serialization._get_layout", "torch.strided", "torch.sparse_coo", "torch.sparse_csr",
    "torch.sparse_csc", "torch.sparse_bsr", "torch.sparse_bsc", "torch.jagged",
    "torch.contiguous_format", "torch.channels_last", "torch.preserve_format",
    "torch.per_tensor_affine", "torch.per_channel_affine", "torch.per_tensor_symmetric",
    "torch.per_channel_symmetric", "torch.per_channel_affine_float_qparams",
    "torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_xla_tensor",
    "torch.storage.TypedStorage", "torch.TypedStorage", "torch.storage._TypedStorage",
    "torch.nested._internal.nested_tensor.NestedTensor",
    "torch._dynamo.decorators._DimRange",
    "torch.FloatTensor", "torch.DoubleTensor", "torch.HalfTensor", "torch.BFloat16Tensor",
    "torch.LongTensor", "torch.IntTensor", "torch.ShortTensor", "torch.CharTensor",
    "torch.ByteTensor", "torch.BoolTensor", "torch.cuda.FloatTensor", "torch.cuda.DoubleTensor",
    "torch.cuda.HalfTensor", "torch.cuda.BFloat16Tensor", "torch.cuda.LongTensor",
    "torch.cuda.IntTensor", "torch.cuda.ShortTensor", "torch.cuda.CharTensor",
    "torch.cuda.ByteTensor", "torch.cuda.BoolTensor",
    "transformers.training_args.TrainingArguments",
    "transformers.training_args.OptimizerNames",
    "transformers.trainer_utils.IntervalStrategy", "transformers.trainer_utils.SchedulerType",
    "transformers.trainer_utils.HubStrategy", "transformers.trainer_utils.SaveStrategy",
  ]

  /// Modules with all that is in them, and single names.
  static let dangerous: Set<String> = [
    // Running code and loading more of it.
    "builtins.eval", "builtins.exec", "builtins.execfile", "builtins.compile", "builtins.open",
    "builtins.file", "builtins.input", "builtins.raw_input", "builtins.breakpoint",
    "builtins.__import__", "builtins.getattr", "builtins.setattr", "builtins.delattr",
    "builtins.apply", "builtins.globals", "builtins.locals", "builtins.vars", "builtins.map",
    "builtins.filter", "builtins.memoryview", "builtins.help", "builtins.exit", "builtins.quit",
    "code", "codeop", "bdb", "pdb", "cProfile", "profile", "trace", "timeit", "runpy", "doctest",
    "importlib", "imp", "pkgutil", "zipimport", "modulefinder", "distutils", "setuptools", "pip",
    "ensurepip", "venv", "idlelib", "lib2to3", "pydoc", "test", "site", "copyreg",
    "types.CodeType", "types.FunctionType", "types.MethodType", "functools.partial",
    "functools.reduce", "operator.attrgetter", "operator.itemgetter", "operator.methodcaller",
    "_operator", "_functools", "itertools.starmap", "inspect", "gc", "sys", "ctypes", "_ctypes",
    "cffi", "cloudpickle", "dill", "joblib", "pickle", "_pickle", "shelve", "marshal", "jsonpickle",
    "yaml",
    // Processes, files and the net.
    "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "_posixsubprocess", "commands",
    "popen2", "pty", "pwd", "shutil", "tempfile", "glob", "fileinput", "io", "_io", "mmap", "fcntl",
    "signal", "resource", "sqlite3", "logging", "multiprocessing", "threading", "_thread",
    "concurrent", "asyncio", "socket", "_socket", "socketserver", "ssl", "_ssl", "http", "httplib",
    "urllib", "urllib2", "ftplib", "smtplib", "telnetlib", "poplib", "imaplib", "nntplib", "xmlrpc",
    "webbrowser", "antigravity", "requests", "aiohttp", "paramiko", "tarfile", "zipfile",
    // Doors in numerical packages.
    "numpy.testing", "numpy.f2py", "numpy.load", "numpy.lib.npyio", "numpy.distutils",
    "torch.load", "torch.hub", "torch.serialization.load", "torch.storage._load_from_bytes",
    "torch.jit.load", "torch.package", "torch.utils.cpp_extension", "torch.utils._config_module",
    "torch.utils.bottleneck", "torch.utils.collect_env", "torch.ops",
    "torch.classes", "torch._dynamo.guards", "torch._inductor", "torch.fx",
    "torch.distributed.elastic", "torch.distributed.rpc", "torch.distributed.run",
    "torch.distributed.launch", "torch.multiprocessing",
    "pandas.read_pickle", "pandas.io",
  ]
}

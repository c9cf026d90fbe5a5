/// A name that a pickle would have Python import, and what it means here.
///
/// The meaning comes from one closed table; every other name is opaque. Nothing
/// is ever looked up, imported or called.
/// It is a class because a pickle has few of them and asks often.
final class TorchGlobal: Sendable {
  let module: String
  let attribute: String
  let meaning: Meaning
  let hazard: GlobalHazard

  /// The full dotted name.
  var name: String { "\(module).\(attribute)" }

  /// Stands for a name that only running the pickle would tell.
  static let computed = "(computed)"

  enum Meaning: Sendable, Hashable {
    /// A dictionary or a subclass that keeps its entries as one does.
    case dictionary
    case typedStorage(TorchType)
    case untypedStorage
    case dtype(TorchType)
    case rebuild(Rebuild)
    /// `torch.Size`: its argument is a tuple.
    case size
    /// A callable whose result stands for its first argument.
    case firstArgument
    case opaque
  }

  /// The functions that make a tensor, by the arguments they take.
  enum Rebuild: Sendable, Hashable {
    case tensor, tensorV2, tensorV3
    case parameter
    /// `(function, type, arguments, state)`.
    case fromType
    case quantised, sparse, meta, nested, jagged, wrapperSubclass
  }

  init(module: String, name: String) {
    self.module = module
    self.attribute = name
    let full = "\(Self.modernModule(module)).\(name)"
    meaning = Self.meaning(of: full)
    hazard = GlobalHazard(of: full, known: meaning != .opaque)
  }

  /// Python 2 had other names for some modules.
  private static func modernModule(_ module: String) -> String {
    switch module {
    case "__builtin__": "builtins"
    case "copy_reg": "copyreg"
    case "numpy.core.multiarray": "numpy._core.multiarray"
    default: module
    }
  }

  private static func meaning(of name: String) -> Meaning {
    if let known = table[name] { return known }
    for module in ["torch.cuda.", "torch.storage.", "torch."] where name.hasPrefix(module) {
      let attribute = name.dropFirst(module.count)
      if attribute.hasSuffix("Storage"),
        let type = TorchType.byStorage[String(attribute.dropLast("Storage".count))]
      {
        return .typedStorage(type)
      }
    }
    if name.hasPrefix("torch."), let type = TorchType.byName[String(name.dropFirst(6))] {
      return .dtype(type)
    }
    return .opaque
  }

  private static let table: [String: Meaning] = [
    "collections.OrderedDict": .dictionary,
    "collections.Counter": .dictionary,
    "collections.defaultdict": .dictionary,
    "builtins.dict": .dictionary,
    "torch.UntypedStorage": .untypedStorage,
    "torch.storage.UntypedStorage": .untypedStorage,
    "torch.cuda.UntypedStorage": .untypedStorage,
    "torch.Size": .size,
    "torch._utils._rebuild_tensor": .rebuild(.tensor),
    "torch._utils._rebuild_tensor_v2": .rebuild(.tensorV2),
    "torch._utils._rebuild_tensor_v3": .rebuild(.tensorV3),
    "torch._utils._rebuild_parameter": .rebuild(.parameter),
    "torch._utils._rebuild_parameter_with_state": .rebuild(.parameter),
    "torch._tensor._rebuild_from_type_v2": .rebuild(.fromType),
    "torch._tensor._rebuild_from_type": .rebuild(.fromType),
    "torch._utils._rebuild_qtensor": .rebuild(.quantised),
    "torch._utils._rebuild_sparse_tensor": .rebuild(.sparse),
    "torch._utils._rebuild_sparse_csr_tensor": .rebuild(.sparse),
    "torch._utils._rebuild_meta_tensor_no_storage": .rebuild(.meta),
    "torch._utils._rebuild_nested_tensor": .rebuild(.nested),
    "torch.nested._internal.nested_tensor._rebuild_njt": .rebuild(.jagged),
    "torch._utils._rebuild_wrapper_subclass": .rebuild(.wrapperSubclass),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": .rebuild(.parameter),
    "torch.jit._pickle.build_tensorlist": .firstArgument,
    "torch.jit._pickle.build_intlist": .firstArgument,
    "torch.jit._pickle.build_doublelist": .firstArgument,
    "torch.jit._pickle.build_boollist": .firstArgument,
    "torch.jit._pickle.restore_type_tag": .firstArgument,
  ]
}

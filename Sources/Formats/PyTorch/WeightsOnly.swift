/// What `torch.load` takes by itself since torch 2.6, where `weights_only` is true.
enum WeightsOnly {
  private static let oldBuiltins = "__builtin__."

  /// Whether a pickle may name the global.
  static func allows(_ name: String) -> Bool {
    // torch.save writes the names of Python 2, and torch.load translates them.
    if name.hasPrefix(oldBuiltins) {
      return names.contains("builtins." + name.dropFirst(oldBuiltins.count))
    }
    if names.contains(name) { return true }
    guard let dot = name.lastIndex(of: "."), name.hasPrefix("torch.") else { return false }
    let (module, attribute) = (name[..<dot], name[name.index(after: dot)...])
    // Types of elements are no words like the others: they are in no module below.
    if module == "torch" || module == "torch.cuda" {
      return attribute.hasSuffix("Storage") || attribute.hasSuffix("Tensor")
        || module == "torch" && isElementType(attribute)
    }
    return module.hasSuffix(".sparse") && attribute.hasSuffix("Tensor")
  }

  private static func isElementType(_ name: Substring) -> Bool {
    let roots = ["bfloat16", "bits", "bool", "complex", "float", "int", "uint", "qint", "quint"]
    return roots.contains { root in
      name.hasPrefix(root)
        && (name.count == root.count
          || name.dropFirst(root.count).first?.isNumber == true)
    }
  }

  private static let names: Set<String> = [
    "_codecs.encode", "builtins.bytearray", "builtins.complex", "builtins.set",
    "collections.Counter", "collections.OrderedDict", "torch.Size", "torch.Tensor",
    "torch._tensor._rebuild_from_type_v2", "torch._utils._rebuild_device_tensor_from_cpu_tensor",
    "torch._utils._rebuild_device_tensor_from_numpy",
    "torch._utils._rebuild_meta_tensor_no_storage", "torch._utils._rebuild_nested_tensor",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_qtensor", "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_wrapper_subclass", "torch.device",
    "torch.nn.parameter.Parameter", "torch.per_channel_affine",
    "torch.per_channel_affine_float_qparams", "torch.per_channel_symmetric",
    "torch.per_tensor_affine", "torch.per_tensor_symmetric",
    "torch.serialization._get_layout", "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
  ]
}

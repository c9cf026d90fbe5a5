extension Pickle {
  /// Puts the call that later versions of torch write in the place of a number.
  mutating func replace(_ node: Node, with tensor: TorchTar.SavedTensor)
    throws(CheckpointError)
  {
    guard values.count < PickleMachine.maximumNodes else {
      throw CheckpointError("more than \(PickleMachine.maximumNodes) values")
    }
    let storage = tensor.storage
    // The whole storage: the root's count is what the file has.
    let whole = storage.start + storage.count
    let view: Node =
      storage.isPart
      ? add(tuple: [Shared.none, add(.integer(storage.start)), add(.integer(storage.count))])
      : Shared.none
    let identifier = add(tuple: [
      add("storage"),
      add(TorchGlobal(module: "torch", name: (storage.type?.storage ?? "") + "Storage")),
      add(storage.key), add("cpu"), add(.integer(whole)), view,
    ])
    let arguments = add(tuple: [
      add(.persistent(identifier)), add(.integer(tensor.offset)),
      add(tuple: tensor.shape.map { add(.integer($0)) }),
      add(tuple: tensor.strides.map { add(.integer($0)) }),
    ])
    let callable = add(TorchGlobal(module: "torch._utils", name: "_rebuild_tensor"))
    values[Int(node)] = .call(callable: callable, arguments: arguments)
  }

  private mutating func add(_ value: Value) -> Node {
    values.append(value)
    return Node(values.count - 1)
  }

  private mutating func add(_ text: String) -> Node {
    decodedTexts.append(text)
    return add(.decodedText(Int32(decodedTexts.count - 1)))
  }

  private mutating func add(_ global: TorchGlobal) -> Node {
    globals.append(global)
    return add(.global(Int32(globals.count - 1)))
  }

  private mutating func add(tuple items: [Node]) -> Node {
    tupleItems += items
    return add(.tuple(start: Int32(tupleItems.count - items.count), count: Int32(items.count)))
  }
}

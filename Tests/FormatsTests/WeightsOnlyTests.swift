import Testing

@testable import Formats

@Suite struct WeightsOnlyTests {
  @Test(arguments: [
    ("collections.OrderedDict", true), ("torch._utils._rebuild_tensor_v2", true),
    ("torch.FloatStorage", true), ("torch.cuda.HalfTensor", true), ("torch.bfloat16", true),
    ("torch.float8_e4m3fn", true), ("torch.quint4x2", true), ("torch.sparse.FloatTensor", true),
    ("argparse.Namespace", false), ("numpy._core.multiarray.scalar", false),
    ("numpy.dtype", false), ("pathlib.PosixPath", false), ("torch.Generator", false),
    ("torch.internal", false), ("torch.sparse_coo", false),
  ])
  func `knows what torch takes by itself`(name: String, isAllowed: Bool) {
    #expect(WeightsOnly.allows(name) == isAllowed)
  }

  @Test func `a note names harmless globals that torch refuses`() {
    let found = TorchFindings.refusedGlobals([
      GlobalUse(name: "collections.OrderedDict", hazard: .harmless),
      GlobalUse(name: "argparse.Namespace", hazard: .harmless),
      GlobalUse(name: "os.system", hazard: .dangerous),
    ])
    #expect(found?.severity == .note)
    #expect(
      found?.message
        == "torch.load refuses the file unless weights_only is False, though these globals that the "
        + "pickle names are harmless: argparse.Namespace")
    #expect(
      TorchFindings.refusedGlobals([GlobalUse(name: "torch.Size", hazard: .harmless)]) == nil)
  }
}

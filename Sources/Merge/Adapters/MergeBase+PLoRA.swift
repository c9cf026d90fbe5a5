import Formats
import Inspect

extension MergeBase {
  /// Warns where the base lacks its PLoRA, which no adapter brings back.
  mutating func noteLostPLoRA(of adapters: [Adapter]) {
    let base = checkpoint
    guard let lost = adapters.lazy.compactMap({ PLoRA.lost(from: base, of: $0) }).first else {
      return
    }
    note(Finding(.warning, lost.code, tensors: lost.tensors, lost.message))
  }
}

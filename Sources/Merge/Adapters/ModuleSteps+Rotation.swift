import Formats
import Inspect

extension ModuleSteps {
  /// The rotation as the configuration wants it made; what it does not say is PEFT's
  /// default.
  func rotation() throws(CheckpointError) -> UpdateStep.Rotation {
    guard let source = module.rotation else {
      throw refusal("its numbers make no rotation that tenon knows")
    }
    guard case .triangle = source.layout else { return .init(source, form: .cayley) }
    guard let fields = adapter.configuration?.json else {
      throw refusal("no adapter_config.json says how its rotations are made")
    }
    let isNeumann = fields["use_cayley_neumann"]?.bool ?? true
    let terms = fields["num_cayley_neumann_terms"]?.int ?? 5
    guard (1...Self.maximumTermCount).contains(terms) else {
      throw refusal("num_cayley_neumann_terms is \(terms); expected 1 to \(Self.maximumTermCount)")
    }
    let isBound = fields["coft"]?.bool ?? false
    return .init(
      source, form: isNeumann ? .neumann(terms: terms) : .cayley,
      bound: isBound ? fields["eps"]?.double ?? 6e-5 : nil)
  }

  private static let maximumTermCount = 100
}

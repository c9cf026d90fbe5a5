import Formats
import Testing

@testable import Merge

@Suite struct LostScalesTests {
  @Test(arguments: [
    (#"{"r": 4, "lora_alpha": 4}"#, false),
    (#"{"r": 4, "lora_alpha": 4.0, "rank_pattern": null, "alpha_pattern": {}}"#, false),
    (#"{"r": 4, "lora_alpha": 4, "rank_pattern": {"q": 8}, "alpha_pattern": {"q": 8}}"#, false),
    (#"{"r": 4, "lora_alpha": 2}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "alpha_pattern": {"q": 8}}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "rank_pattern": {"q": 8}}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "use_rslora": true}"#, true),
  ])
  func `knows which configurations say more than the factors`(json: String, saysMore: Bool) throws {
    #expect(LostScales.saysMore(try JSONValue(parsing: Array(json.utf8))) == saysMore)
  }
}

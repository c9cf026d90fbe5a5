import ArgumentParser
import Glibc

/// Ends the process without taking `value` apart: for the tables of a large file
/// that would take longer than to write them out.
func endProcess<Value>(_ status: ExitCode, keeping value: Value) -> Never {
  withExtendedLifetime(value) { exit(status.rawValue) }
}

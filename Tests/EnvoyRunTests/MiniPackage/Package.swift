// swift-tools-version:6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// Built within seconds, where a module of Swift takes minutes.
let package = Package(
  name: "Mini",
  products: [.library(name: "Mini", type: .dynamic, targets: ["Mini"])],
  targets: [.target(name: "Mini", dependencies: ["Text"]), .target(name: "Text", path: "Elsewhere")]
)

// SPDX-License-Identifier: Apache-2.0
import AddHeader
import EnvoyModule

@c public func envoyModuleRegister() {
  EnvoyModule.register("add-header", AddHeader.self)
}

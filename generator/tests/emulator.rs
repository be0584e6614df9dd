//! The harness of all that touches AWS: the emulator, its permissions, the proxy before it, and the stand-in for CloudFormation.
#![cfg(feature = "aws")]

#[path = "harness/deployer.rs"]
mod deployer;
#[path = "harness/emulator.rs"]
#[allow(clippy::module_inception, reason = "the file says it all")]
mod emulator;
#[path = "harness/proxy.rs"]
mod proxy;
#[path = "harness/tools.rs"]
mod tools;
#[path = "harness/wire.rs"]
mod wire;

use emulator::Emulator;

#[test]
fn the_emulator_starts_and_knows_its_root() {
    let emulator = Emulator::shared();
    let client = aws_sdk_sts::Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    let who = emulator::block_on(client.get_caller_identity().send()).expect("an identity");
    assert_eq!(who.account(), Some(emulator::ACCOUNT));
}

//! Which device models run on.

use std::sync::{Arc, LazyLock, RwLock};

use kerros_cpu::Cpu;
/// What a device is, for those who write one or drive one themselves.
pub use kerros_plan::{CompileOptions, Device, Executable, Feed, Reference, StateStore};

/// The device of every model that is not given another.
static DEFAULT: LazyLock<RwLock<Arc<dyn Device>>> = LazyLock::new(|| RwLock::new(fastest()));

/// The host's processor; were it unusable, the slow device that needs nothing of the machine.
fn fastest() -> Arc<dyn Device> {
    match Cpu::new() {
        Ok(cpu) => Arc::new(cpu),
        Err(error) => {
            eprintln!("warning: models run on the slow reference device, because: {error}");
            Arc::new(Reference)
        }
    }
}

/// The device on which models run that are not given another.
pub fn default_device() -> Arc<dyn Device> {
    // A panic elsewhere cannot leave an `Arc` half written, so a poisoned lock is still good.
    DEFAULT.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// Sets the device for models that are made from here on.
pub fn set_default_device(device: impl Device + 'static) {
    *DEFAULT.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(device);
}

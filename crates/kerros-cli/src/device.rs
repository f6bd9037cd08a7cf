//! The device that models run on, by the command line and the environment.

use std::env;

use anyhow::Result;
use kerros_cpu::{Cpu, CpuOptions};

use crate::args::DeviceArgs;
use crate::messages::Usage;

/// Makes the host, used as told, the device of all models; the result is its description.
///
/// # Errors
/// A number of threads that is none; an instruction set that this machine lacks.
pub fn set(args: &DeviceArgs) -> Result<String> {
    let options = CpuOptions {
        threads: match args.threads {
            Some(threads) => Some(threads),
            None => threads_of(env::var("KERROS_THREADS").ok())?,
        },
        isa: args.isa.clone().or_else(|| env::var("KERROS_ISA").ok().filter(|isa| !isa.is_empty())),
        ..CpuOptions::default()
    };
    let cpu = Cpu::with(&options)?;
    let name = kerros::device::Device::name(&cpu);
    kerros::set_default_device(cpu);
    Ok(name)
}

fn threads_of(variable: Option<String>) -> Result<Option<usize>> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(threads) if threads > 0 => Ok(Some(threads)),
        _ => Err(Usage(format!(
            "the environment variable KERROS_THREADS is `{text}`\n  expected: a whole number \
             from 1 on"
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_a_number_or_absent() {
        assert_eq!(threads_of(None).unwrap(), None);
        assert_eq!(threads_of(Some(String::new())).unwrap(), None);
        assert_eq!(threads_of(Some("3".into())).unwrap(), Some(3));
        assert!(threads_of(Some("0".into())).is_err());
        assert!(threads_of(Some("many".into())).is_err());
    }
}

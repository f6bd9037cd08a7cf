//! Convolution and pooling on one thread.

use kerros_core::law::window::{PoolSizes, num_rows};
use kerros_core::{Error, ErrorKind, Result};
use kerros_kernels::conv::{
    ConvScratch, conv, conv_input_gradient, conv_kernel_gradient, pack_kernel,
};
use kerros_kernels::gemm::Activation;
use kerros_kernels::pool::{
    max_pool, max_pool_gather, max_pool_scatter, sum_pool, sum_pool_scatter,
};
use kerros_plan::plan::{Kernel, PoolKind};

use super::Work;

impl Work<'_> {
    pub(super) fn conv(&self, scratch: &mut ConvScratch) -> Result<()> {
        let (isa, to) = (self.isa, self.write(0));
        match &self.step.kernel {
            Kernel::Conv { sizes, bias, relu } => {
                let lens = sizes.window.axes.map(|axis| axis.output);
                let rows = self.units(num_rows(sizes.batch, lens));
                let bias = bias.then(|| self.read(2));
                let activation = if *relu { Activation::Relu } else { Activation::Identity };
                let (x, kernel) = (self.read(0), self.read(1));
                conv(isa, sizes, rows, x, kernel, bias, activation, to, scratch)
            }
            Kernel::PackKernel { sizes } => {
                let taps = self.units(sizes.window.num_taps());
                pack_kernel(isa, sizes, taps, self.read(0), to)
            }
            Kernel::ConvInputGradient { sizes } => {
                let lens = sizes.window.axes.map(|axis| axis.input);
                let rows = self.units(num_rows(sizes.batch, lens));
                conv_input_gradient(isa, sizes, rows, self.read(0), self.read(1), to, scratch)
            }
            Kernel::ConvKernelGradient { sizes } => {
                let rows = self.units(sizes.window.num_taps() * sizes.inputs);
                conv_kernel_gradient(isa, sizes, rows, self.read(0), self.read(1), to, scratch)
            }
            _ => Err(Error::new(ErrorKind::Internal, "not a convolution")),
        }
    }

    pub(super) fn pool(&self, kind: PoolKind, sizes: &PoolSizes) {
        let (isa, from, to) = (self.isa, self.read(0), self.write(0));
        let rows = || self.units(num_rows(sizes.batch, sizes.window.axes.map(|axis| axis.output)));
        let items = || self.units(sizes.batch).len();
        match kind {
            PoolKind::Max => max_pool(isa, sizes, rows(), from, to),
            PoolKind::Sum => sum_pool(isa, sizes, rows(), from, to),
            PoolKind::MaxGather => max_pool_gather(isa, sizes, rows(), from, self.read(1), to),
            PoolKind::MaxScatter => {
                max_pool_scatter(isa, sizes, items(), from, self.read(1), to);
            }
            PoolKind::SumScatter => sum_pool_scatter(isa, sizes, items(), from, to),
        }
    }
}

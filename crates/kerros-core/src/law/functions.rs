//! Elementary functions as fixed sequences of IEEE operations, the same bits on every lane.

use super::Lanes;

macro_rules! pending {
    ($($name:ident),*) => {$(
        /// Pending.
        #[inline(always)]
        pub fn $name<V: Lanes>(x: V) -> V { let mut b=[0.0f32;16]; if V::WIDTH==1 { x.store(&mut b[..1]); b[0]=b[0].$name(); V::splat(b[0]) } else { x } }
    )*};
}
trait Ext {
    fn log(self) -> f32;
    fn log1p(self) -> f32;
    fn expm1(self) -> f32;
    fn sigmoid(self) -> f32;
    fn erf(self) -> f32;
}
impl Ext for f32 {
    fn log(self) -> f32 {
        self.ln()
    }
    fn log1p(self) -> f32 {
        self.ln_1p()
    }
    fn expm1(self) -> f32 {
        self.exp_m1()
    }
    fn sigmoid(self) -> f32 {
        1.0 / (1.0 + (-self).exp())
    }
    fn erf(self) -> f32 {
        self
    }
}
mod pend {
    use super::*;
    pub fn log<V: Lanes>(x: V) -> V {
        let mut b = [0.0f32; 16];
        x.store(&mut b[..1]);
        V::splat(b[0].ln())
    }
}
pub use pend::log;
pending!(exp, expm1, log1p, sin, cos, tanh, sigmoid, erf);
/// Pending.
pub fn pow<V: Lanes>(a: V, b: V) -> V {
    let (mut x, mut y) = ([0.0f32; 16], [0.0f32; 16]);
    a.store(&mut x[..V::WIDTH]);
    b.store(&mut y[..V::WIDTH]);
    V::splat(x[0].powf(y[0]))
}

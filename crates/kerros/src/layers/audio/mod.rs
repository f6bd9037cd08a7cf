//! Layers that make spectrograms of sounds: how strong each frequency is at each time.

mod frames;
mod mel;
pub(super) mod mel_spectrogram;
pub(super) mod stft_spectrogram;

/// Builder methods that set a field of the layer's `settings`, of the same name.
macro_rules! setters {
    ($Layer:ident; $($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {
        impl $Layer {$(
            $(#[$doc])*
            pub fn $name(mut self, $name: $type) -> Self {
                self.settings.$name = $name.into();
                self
            }
        )*}
    };
}
use setters;

//! From notes to numbers. Pure.

mod loss;
mod percentiles;
mod timeline;

pub use loss::Loss;
pub use percentiles::Percentiles;
pub use timeline::Timeline;

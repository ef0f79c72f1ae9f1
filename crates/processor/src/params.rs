//! Parameter values as a processor sees them: evaluated by the engine, constant over the block or one value a frame.

/// One parameter over one block.
#[derive(Clone, Copy, Debug)]
pub enum Param<'a> {
    /// The same value at each frame.
    Constant(f32),
    /// One value a frame, as many as the block has frames.
    Varying(&'a [f32]),
}

impl Param<'_> {
    /// The value at frame `frame` of the block.
    #[must_use]
    pub fn at(self, frame: usize) -> f32 {
        match self {
            Param::Constant(value) => value,
            Param::Varying(values) => values.get(frame).or(values.last()).copied().unwrap_or(0.0),
        }
    }
}

/// Says that parameter `param` has one value a frame, in row `row` of the block's table of varying values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varying {
    /// Index of the parameter in its descriptor.
    pub param: u16,
    /// Row in the table.
    pub row: u16,
}

/// All parameters of one processor over one block, indexed as in its descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    values: &'a [f32],
    varying: &'a [Varying],
    table: &'a [f32],
    stride: usize,
    offset: usize,
    frames: usize,
}

impl<'a> Params<'a> {
    /// `values` holds each parameter's value at the first frame; those named in `varying` have a row of `stride` values
    /// in `table`, of which the block uses `offset..offset + frames`.
    #[must_use]
    pub fn new(
        values: &'a [f32],
        varying: &'a [Varying],
        table: &'a [f32],
        stride: usize,
        offset: usize,
        frames: usize,
    ) -> Self {
        Self { values, varying, table, stride, offset, frames }
    }

    /// Parameters that all stay as they are.
    #[must_use]
    pub fn constant(values: &'a [f32]) -> Self {
        Self { values, varying: &[], table: &[], stride: 0, offset: 0, frames: 0 }
    }

    /// Parameter `index`; zero where there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Param<'a> {
        if let Some(row) = self.varying.iter().find(|v| usize::from(v.param) == index) {
            let begin = usize::from(row.row) * self.stride + self.offset;
            if let Some(values) = self.table.get(begin..begin + self.frames) {
                return Param::Varying(values);
            }
        }
        Param::Constant(self.values.get(index).copied().unwrap_or(0.0))
    }

    /// Parameter `index` at frame `frame` of the block.
    #[must_use]
    pub fn at(&self, index: usize, frame: usize) -> f32 {
        if self.varying.is_empty() {
            return self.values.get(index).copied().unwrap_or(0.0);
        }
        self.get(index).at(frame)
    }

    /// Indices of the parameters that have one value a frame, and those values.
    pub fn varying(&self) -> impl Iterator<Item = (usize, &'a [f32])> + '_ {
        self.varying.iter().filter_map(|row| {
            let begin = usize::from(row.row) * self.stride + self.offset;
            let values = self.table.get(begin..begin + self.frames)?;
            Some((usize::from(row.param), values))
        })
    }

    /// No parameter changes within the block.
    #[must_use]
    pub fn all_constant(&self) -> bool {
        self.varying.is_empty()
    }

    /// The values of all parameters, where [`all_constant`](Self::all_constant) holds.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The same parameters for frames `begin..end` of the block.
    #[must_use]
    pub fn range(&self, begin: usize, end: usize) -> Params<'a> {
        Params { offset: self.offset + begin, frames: end.saturating_sub(begin), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varying_parameter_hides_its_first_value() {
        let table = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0];
        let varying = [Varying { param: 1, row: 1 }];
        let params = Params::new(&[5.0, 10.0], &varying, &table, 4, 0, 4);
        assert!(matches!(params.get(0), Param::Constant(v) if v == 5.0));
        assert!(matches!(params.get(1), Param::Varying(v) if v == &table[4..]));
        assert_eq!(params.range(2, 4).at(1, 0), 12.0);
        assert!(params.range(2, 4).varying().eq([(1, &table[6..])]));
        assert_eq!(params.at(7, 0), 0.0, "a parameter that does not exist is zero, not a panic");
    }
}

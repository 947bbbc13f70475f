//! Sums: exact for integers, compensated for doubles.

use super::super::super::Value;

/// A sum so far.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Sum {
    integers: i128,
    doubles: f64,
    /// What rounding has taken away from `doubles` (Neumaier).
    lost: f64,
    has_doubles: bool,
}

impl Sum {
    /// Adds a number; whether it was one.
    pub(in super::super) fn add(&mut self, value: &Value) -> bool {
        match value {
            Value::Int(number) => self.integers += i128::from(*number),
            Value::Float(number) => self.add_double(*number),
            _ => return false,
        }
        true
    }

    fn add_double(&mut self, number: f64) {
        self.has_doubles = true;
        let sum = self.doubles + number;
        if sum.is_finite() {
            self.lost += match self.doubles.abs() >= number.abs() {
                true => (self.doubles - sum) + number,
                false => (number - sum) + self.doubles,
            };
        }
        self.doubles = sum;
    }

    /// An integer, where all are integers and the sum fits; else a double.
    pub(in super::super) fn total(self) -> Value {
        match i64::try_from(self.integers) {
            Ok(sum) if !self.has_doubles => Value::Int(sum),
            _ => Value::Float(self.as_double()),
        }
    }

    /// Null of nothing.
    pub(in super::super) fn average(self, count: i64) -> Value {
        match count {
            0 => Value::Null,
            count => Value::Float(self.as_double() / count as f64),
        }
    }

    fn as_double(mut self) -> f64 {
        if !self.doubles.is_finite() {
            return self.doubles;
        }
        self.add_double(self.integers as f64);
        self.doubles + self.lost
    }
}

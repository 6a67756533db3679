//! Exact decimals with six places: quantities in packs, and prices.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Places after the point.
const PLACES: u32 = 6;
const SCALE: i64 = 1_000_000;

/// A decimal with at most six places, held as millionths in an `i64`: exact, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a plain decimal.
    #[error("not a decimal number such as 12 or 12.5")]
    NotADecimal,
    /// More than six places that are not zero.
    #[error("has more than six decimal places")]
    TooManyPlaces,
    /// Too large to hold.
    #[error("is too large: the limit is 9,223,372,036,854")]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// From millionths, as stored.
    pub const fn from_micros(micros: i64) -> Amount {
        Amount(micros)
    }

    /// The millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From a whole number.
    pub fn from_whole(whole: i64) -> Result<Amount, AmountError> {
        whole.checked_mul(SCALE).map(Amount).ok_or(AmountError::TooLarge)
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` beyond the range.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference, or `None` beyond the range.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The product, rounded half to even at six places; `None` beyond the range.
    pub fn checked_mul(self, other: Amount) -> Option<Amount> {
        Amount::try_from(self.decimal().checked_mul(other.decimal())?.round_dp(PLACES)).ok()
    }

    /// As a decimal.
    pub fn decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.0), PLACES)
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = AmountError;

    fn try_from(value: Decimal) -> Result<Self, Self::Error> {
        let value = value.normalize();
        if value.scale() > PLACES {
            return Err(AmountError::TooManyPlaces);
        }
        let micros = value
            .checked_mul(Decimal::from(SCALE))
            .ok_or(AmountError::TooLarge)?;
        i64::try_from(micros)
            .map(Amount)
            .map_err(|_| AmountError::TooLarge)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        if !plain {
            return Err(AmountError::NotADecimal);
        }
        match Decimal::from_str_exact(text) {
            Ok(value) => Amount::try_from(value),
            Err(rust_decimal::Error::Underflow) => Err(AmountError::TooManyPlaces),
            Err(rust_decimal::Error::ExceedsMaximumPossibleValue) => Err(AmountError::TooLarge),
            Err(_) => Err(AmountError::NotADecimal),
        }
    }
}

/// The shortest exact form: `12`, `12.5`, `-0.000001`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.decimal().normalize().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_exactly() {
        for text in ["0", "12", "12.5", "-0.000001", "9223372036854.775807"] {
            assert_eq!(text.parse::<Amount>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("1.5000000".parse::<Amount>().map(Amount::micros), Ok(1_500_000));
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        assert_eq!("0.0000001".parse::<Amount>(), Err(AmountError::TooManyPlaces));
        assert_eq!("9223372036855".parse::<Amount>(), Err(AmountError::TooLarge));
        for text in ["", "1e3", "1,5", "abc", "1_000", " 1", "--1", "."] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::NotADecimal), "{text:?}");
        }
    }

    #[test]
    fn multiplies_exactly() {
        let price: Amount = "0.35".parse().unwrap();
        let packs: Amount = "120".parse().unwrap();
        assert_eq!(price.checked_mul(packs).map(|a| a.to_string()), Some("42".into()));
    }
}

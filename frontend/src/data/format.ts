/** Numbers as the page writes them. The locale is fixed so that a screenshot reads the same everywhere. */

const LOCALE = "en";
const THIN_SPACE = "\u2009";
const MINUS = "\u2212";
/** Stands where there is no number. */
export const NONE = "\u2013";

const integer = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 4 });

function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  // −0.0 would claim a direction that the digits don't show.
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

const threeDigits = new Intl.NumberFormat(LOCALE, {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});

/** 2304 -> "2,304" */
export function formatStep(step: number): string {
  return integer.format(step);
}

/** 0.875 -> "87.5 %" */
export function formatShare(share: number, digits = 1): string {
  return `${fixed(share * 100, digits)}${THIN_SPACE}%`;
}

/** A difference of two shares in points, always signed unless it is nil: -0.001 -> "−0.1" */
export function formatPoints(difference: number): string {
  const text = fixed(difference * 100, 1);
  return difference > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** How far apart two shares are, in points: -0.001 -> "0.1" */
export function formatDistance(difference: number): string {
  return fixed(Math.abs(difference) * 100, 1);
}

/** 0.12345 -> "0.1235"; very small and very large numbers in scientific notation. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    return value.toExponential(2).replace("e+", "e").replace(/-/g, MINUS);
  }
  return compact.format(value).replace("-", MINUS);
}

/** Accuracies are shares, and read best as percent; a loss has no unit. */
export function isShareMetric(name: string): boolean {
  return /(^|_)acc(uracy)?($|_)/.test(name);
}

export function formatMetric(metric: string, value: number): string {
  return isShareMetric(metric) ? formatShare(value, 2) : formatNumber(value);
}

/** A difference of two values of a metric, always signed unless it is nil; of shares in points. */
export function formatDifference(metric: string, difference: number): string {
  const text = isShareMetric(metric)
    ? formatShare(difference, 2).replace(/[^\d.\u2212]/g, "")
    : formatNumber(difference);
  return difference > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** How far `value` is from `base`; nothing where both read the same. */
export function formatChange(metric: string, value: number, base: number): string {
  const same = formatMetric(metric, value) === formatMetric(metric, base);
  return formatDifference(metric, same ? 0 : value - base);
}

/** "1 layer", "4 layers" */
export function count(n: number, noun: string): string {
  return `${integer.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** 6.1171 -> "6.12×" */
export function formatRatio(ratio: number): string {
  return `${threeDigits.format(ratio)}\u00d7`;
}

/** 87050 -> "87.1 kB" */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return count(bytes, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${threeDigits.format(bytes / 1000 ** unit)}${THIN_SPACE}${units[unit - 1]}`;
}

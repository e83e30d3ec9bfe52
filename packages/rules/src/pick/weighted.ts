// Shares by weight: the weights laid end to end on a line, and a binary search for the one under a
// point.

/** Where each weight ends on the line; null when all are equal, so that an index will do. */
export function weightLine(weights: readonly number[]): Float64Array | null {
  const divisor = commonDivisor(weights);
  let isEqual = true;
  let end = 0;
  const line = new Float64Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight !== weights[0]) isEqual = false;
    end += weight / divisor;
    line[i] = end;
  }
  return isEqual ? null : line;
}

/** The length of the line. */
export function lineLength(line: Float64Array): number {
  return line[line.length - 1] ?? 0;
}

/** Index of the weight that covers `point`, which is at least 0 and less than the line's length. */
export function indexOnLine(line: Float64Array, point: number): number {
  let low = 0;
  let high = line.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (point < (line[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The greatest number that divides all, so that the line is as short as it can be. */
function commonDivisor(weights: readonly number[]): number {
  let divisor = 0;
  for (const weight of weights) {
    divisor = greatestCommonDivisor(weight, divisor);
    if (divisor === 1) return 1;
  }
  return Math.max(1, divisor);
}

export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

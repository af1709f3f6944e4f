/** How a cost grows: names the shape of a curve. points: [count, cost] with counts rising. */

/** Over a decade, less than a factor of two is a constant: that is what the rounds spread. */
const CONSTANT_BELOW = 0.3;
const LINEAR_BELOW = 1.3;
const LINEAR_FROM = 0.7;

/**
 * By the exponent between the last two points, where a fixed part no longer hides what grows; a cost that
 * does not double over the whole range is constant whatever its end does.
 */
export function shapeOf(points) {
  const [firstCount, firstCost] = points[0];
  const [lastCount, lastCost] = points.at(-1);
  if (lastCost <= firstCost / 2) return 'falling';
  if (lastCost <= 2 * firstCost || lastCount === firstCount) return 'constant';
  const [beforeCount, beforeCost] = points.at(-2);
  const exponent = Math.log(lastCost / beforeCost) / Math.log(lastCount / beforeCount);
  if (exponent < CONSTANT_BELOW) return 'constant';
  if (exponent >= LINEAR_FROM && exponent < LINEAR_BELOW) return 'linear';
  return `count^${exponent.toFixed(1)}`;
}

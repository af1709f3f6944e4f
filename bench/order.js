/** Questions in the order of their ids: T2 before T10, targets before what has none of its own (X1). */
export function byId(one, other) {
  return one.id[0].localeCompare(other.id[0]) || Number(one.id.slice(1)) - Number(other.id.slice(1));
}

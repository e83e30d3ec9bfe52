// Which routes of a virtual host a path can meet, without looking at each.

export class PathIndex {}

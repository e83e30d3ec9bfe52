// Objects as YAML for people and for kubectl, whose readers take an unquoted date for more than a
// text.

import { stringify } from "yaml";

export function yamlText(value: unknown, options: { sorted?: boolean } = {}): string {
  return stringify(value, {
    compat: "yaml-1.1",
    sortMapEntries: options.sorted === true,
    lineWidth: 0,
  });
}

// Event (core v1): what happened to an object, as `kubectl describe` and `kubectl get events` read
// it.

import { column, formatAge, nameColumn } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { dateTime, integer, object, string, type Static } from "./schema.ts";

const involvedObject = object(
  "An object, by whatever is known of it.",
  {
    apiVersion: string("API version of the object."),
    kind: string("Kind of the object."),
    namespace: string("Namespace of the object; empty where it has none."),
    name: string("Name of the object."),
    uid: string("UID of the object."),
    resourceVersion: string("Revision of the object."),
    fieldPath: string("A field within the object."),
  },
  { atomic: true },
);

const eventSource = object("Who reports it.", {
  component: string("The part that reports."),
  host: string("The machine it runs on."),
});

const series = object("Repetitions of the event.", {
  count: integer("How often it happened so far."),
  lastObservedTime: dateTime("When it happened last."),
});

const schema = kindSchema(
  "v1",
  "Event",
  "Something that happened to an object.",
  {
    involvedObject,
    related: involvedObject,
    reason: string("Why, in one word in CamelCase.", { maxLength: 128 }),
    message: string("What happened, for people.", { maxLength: 1024 }),
    type: string("Normal or Warning."),
    action: string("What was done about the object."),
    count: integer("How often it happened."),
    firstTimestamp: dateTime("When it happened first."),
    lastTimestamp: dateTime("When it happened last."),
    eventTime: dateTime("When it happened, with microseconds."),
    series,
    source: eventSource,
    reportingComponent: string("Who reports it, e.g. weft.dev/control-plane."),
    reportingInstance: string("Which copy of it."),
  },
  { required: ["involvedObject"] },
);

export type Event = Static<typeof schema>;

export const eventKind: KindInfo<Event> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  namespaced: true,
  isCore: true,
  selectableFields: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source.component",
    "type",
  ],
  allColumns: [
    column("Last Seen", "When it happened last.", (event, nowMs) => {
      return formatAge(lastSeen(event), nowMs);
    }),
    column("Type", "Normal or Warning.", (event) => event.type ?? ""),
    column("Reason", "Why.", (event) => event.reason ?? ""),
    column("Object", "What it happened to.", (event) => {
      const { kind = "", name = "" } = event.involvedObject;
      return kind === "" ? name : `${kind.toLowerCase()}/${name}`;
    }),
    column("Subobject", "The field.", (event) => event.involvedObject.fieldPath ?? "", {
      wide: true,
    }),
    column("Source", "Who reports it.", showSource, { wide: true }),
    column("Message", "What happened.", (event) => (event.message ?? "").trim()),
    column(
      "First Seen",
      "When it happened first.",
      (event, nowMs) => formatAge(firstSeen(event), nowMs),
      { wide: true },
    ),
    column("Count", "How often.", (event) => String(event.series?.count ?? event.count ?? 1), {
      wide: true,
    }),
    { ...nameColumn, priority: 1 },
  ],
  check(event, report) {
    const { namespace = "" } = event.involvedObject;
    const own = event.metadata.namespace ?? "";
    if (namespace === "" ? own !== "default" : namespace !== own) {
      report.invalid(
        "involvedObject.namespace",
        namespace,
        "must be the event's own namespace, or empty in namespace default",
      );
    }
  },
});

function firstSeen(event: Event): string | undefined {
  return event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);
}

function showSource(event: Event): string {
  const component = event.source?.component ?? event.reportingComponent ?? "";
  const host = event.source?.host ?? event.reportingInstance ?? "";
  return host === "" ? component : `${component}, ${host}`;
}

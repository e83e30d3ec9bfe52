// What can be done to objects. (Published first: the interface others write against.)

export type {
  ApiObject,
  DeleteOptions,
  EventText,
  InvolvedObject,
  ObjectEvent,
  ObjectList,
  ObjectMeta,
  Objects,
  WriteOptions,
} from "./objects.ts";

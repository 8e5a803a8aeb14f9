/*
 * Built-ins as they were before the program, which may replace any of them: a program that breaks
 * `Array.prototype.push` still gets its output printed.
 */
const { apply } = Reflect;
const method =
  (body) =>
  (self, ...rest) =>
    apply(body, self, rest);

export { apply };
export const { getOwnPropertyDescriptor, getPrototypeOf, keys } = Object;
export const { isArray } = Array;
export const { isView } = ArrayBuffer;
export const { stringify, parse } = JSON;
export const push = method(Array.prototype.push);
export const join = method(Array.prototype.join);
export const slice = method(String.prototype.slice);
export const indexOf = method(String.prototype.indexOf);
export const charCodeAt = method(String.prototype.charCodeAt);
export const replaceAll = method(String.prototype.replaceAll);
export const trimEnd = method(String.prototype.trimEnd);
export const functionText = method(Function.prototype.toString);
export const regexpText = method(RegExp.prototype.toString);
export const symbolText = method(Symbol.prototype.toString);
export const timeOf = method(Date.prototype.getTime);
export const isoText = method(Date.prototype.toISOString);

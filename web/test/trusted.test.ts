import { expect, test } from "vitest";
import { inert, ownScript } from "../src/trusted";

const ORIGIN = "https://chat.example";

test("only scripts of this client that have a thread of their own may be started", () => {
  expect(ownScript("/sw.js", ORIGIN)).toBe(`${ORIGIN}/sw.js`);
  expect(ownScript("/assets/worker-B_f-7.js", ORIGIN)).toBe(`${ORIGIN}/assets/worker-B_f-7.js`);
  for (const address of [
    "https://other.example/sw.js",
    "//other.example/sw.js",
    "/media/file/1/2/3",
    "/assets/index-1.js",
    "/assets/worker-1.js/../../media/x",
    "data:text/javascript,1",
    "blob:https://chat.example/1",
    "javascript:1",
  ]) {
    expect(() => ownScript(address, ORIGIN), address).toThrow(TypeError);
  }
});

test("markup in which something runs is refused", () => {
  const template = '<p class="x"><svg viewBox="0 0 24 24"><path d="M1 1"/></svg><button>';
  expect(inert(template)).toBe(template);
  for (const markup of [
    "<img src=x onerror=alert(1)>",
    "<script>1</script>",
    '<iframe srcdoc="x">',
    '<a href="javascript:1">',
    "<svg/onload=1>",
  ]) {
    expect(() => inert(markup), markup).toThrow(TypeError);
  }
});

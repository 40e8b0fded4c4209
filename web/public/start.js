/*
 * Tells people when the client does not start: a browser that is too old, or a file of the client
 * that is not to be had. It is not bundled and is written for any browser.
 */
(function () {
  var KEY = "heliograph-mended";
  var AGAIN_MS = 60000;

  function started() {
    return document.getElementById("app").childNodes.length > 0;
  }

  function recently() {
    try {
      return Date.now() - Number(sessionStorage.getItem(KEY) || 0) < AGAIN_MS;
    } catch (error) {
      return true;
    }
  }

  function failed(missing) {
    if (started()) return;
    if (missing && !recently()) {
      // The server was upgraded while the page was on its way: it has another one now.
      sessionStorage.setItem(KEY, String(Date.now()));
      location.reload();
      return;
    }
    document.getElementById("not-started").hidden = false;
  }

  addEventListener(
    "error",
    function (event) {
      var script = event.target && event.target.tagName === "SCRIPT";
      if (script || event.target === window) failed(script);
    },
    true,
  );
  if (!("noModule" in HTMLScriptElement.prototype)) failed(false);
})();

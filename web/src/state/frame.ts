/** Work that is done at most once a frame, whatever number of times it is asked for. */

/** Frames do not come while a page is hidden: a timer takes their place. */
export function perFrame(work: () => void): { ask: () => void; end: () => void } {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    timer = undefined;
  };
  const run = () => {
    end();
    work();
  };
  const ask = () => {
    if (timer !== undefined) return;
    if (document.visibilityState === "visible") frame = requestAnimationFrame(run);
    timer = setTimeout(run, 120);
  };
  return { ask, end };
}

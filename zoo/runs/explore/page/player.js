// One thing at a time moves to and fro, over and over, until it is stopped.

const PERIOD = 4000; // milliseconds there and back
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

export class Player {
  constructor() {
    this.button = null;
  }

  /** Starts a sweep, or stops it if its button plays already. `step` takes how far it is, 0 to 1 to 0, and the turn. */
  toggle(button, step) {
    const was = this.button;
    this.stop();
    if (was === button) return;
    this.button = button;
    button.setAttribute("aria-pressed", "true");
    const begin = performance.now();
    const period = quiet.matches ? 4 * PERIOD : PERIOD;
    const frame = (now) => {
      if (this.button !== button) return;
      const turns = Math.max(0, now - begin) / period;
      const phase = 2 * (turns % 1);
      step(phase < 1 ? phase : 2 - phase, Math.floor(turns));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.button?.setAttribute("aria-pressed", "false");
    this.button = null;
  }
}

// The addresses of the page, in the fragment: `#/`, `#/dream/<id>`, `#/account` and `#/delete-account`. A fragment needs no
// rule at the server, and the browser's back and forward buttons work with it.

const PATTERNS = [
  [/^#\/dream\/([0-9a-f-]{36})$/, "dream"],
  [/^#\/account$/, "account"],
  [/^#\/delete-account$/, "delete-account"],
];

export const dreamAddress = (id) => `#/dream/${id}`;

/** Fires "route" (`detail`: `{name, id}`); `name` is "home" for an unknown address. */
export class Router extends EventTarget {
  // The address below a sheet, to return to when it closes.
  #below = "#/";

  constructor() {
    super();
    addEventListener("hashchange", () => this.notify());
  }

  get route() {
    for (const [pattern, name] of PATTERNS) {
      const found = pattern.exec(location.hash);
      if (found) return { name, id: found[1] };
    }
    return { name: "home" };
  }

  notify() {
    const { route } = this;
    if (route.name === "home" || route.name === "dream") this.#below = location.hash || "#/";
    this.dispatchEvent(new CustomEvent("route", { detail: route }));
  }

  /** Goes to an address; `replace` leaves no entry in the browser's history. */
  go(address, { replace = false } = {}) {
    if (address === (location.hash || "#/")) return this.notify();
    if (!replace) {
      location.hash = address;
      return undefined;
    }
    history.replaceState(null, "", address);
    return this.notify();
  }

  /** Leaves a sheet for what is below it. */
  closeSheet() {
    if (this.route.name === "account" || this.route.name === "delete-account") this.go(this.#below, { replace: true });
  }
}

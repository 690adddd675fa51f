// Signing in and everything around it: one form whose fields depend on what it is for.

import { isCountingDown, startCountdown } from "./countdown.js";
import { byId, say, show } from "./dom.js";
import { fieldErrors, Problem } from "./problems.js";

const MODES = {
  login: {
    title: "Sign in",
    fields: ["email", "password"],
    submit: "Sign in",
    others: { register: "Create an account", forgot: "Forgot the password?" },
    password: "Password",
  },
  register: {
    title: "Create an account",
    fields: ["username", "email", "password"],
    submit: "Create the account",
    others: { login: "I have an account" },
    password: "Password",
    newPassword: true,
  },
  confirm: {
    title: "Confirm your address",
    fields: ["email", "code"],
    submit: "Confirm",
    others: { resend: "Send the code again", login: "Back" },
  },
  forgot: {
    title: "Forgot the password?",
    fields: ["email"],
    submit: "Send me a code",
    others: { login: "Back" },
  },
  reset: {
    title: "Choose a new password",
    fields: ["email", "code", "password"],
    submit: "Set the password",
    others: { login: "Back" },
    password: "New password",
    newPassword: true,
  },
};

const ALL_FIELDS = ["username", "email", "code", "password"];
const EMPTY = {
  username: "Please choose a name.",
  email: "Please type your e-mail address.",
  code: "Please type the code.",
  password: "Please type a password.",
};

export class Account {
  #api;
  #form = byId("account-form");
  #mode = "login";

  constructor(api) {
    this.#api = api;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("password-show").addEventListener("click", () => this.#showPassword(byId("password").type === "password"));
    this.#switchTo("login");
  }

  /** Back to the start, with a sentence above the form. */
  reset(hint = "") {
    this.#form.reset();
    this.#switchTo("login", hint);
  }

  #switchTo(mode, hint = "") {
    this.#mode = mode;
    const { title, fields, submit, others, password, newPassword } = MODES[mode];
    byId("account-title").textContent = title;
    say(byId("account-hint"), hint);
    say(byId("account-error"), "");
    for (const name of ALL_FIELDS) {
      show(this.#form.querySelector(`[data-field="${name}"]`), fields.includes(name));
      this.#mark(name, "");
    }
    byId("password-label").textContent = password ?? "";
    byId("password").autocomplete = newPassword ? "new-password" : "current-password";
    show(byId("password-hint"), Boolean(newPassword));
    this.#showPassword(false);
    if (!isCountingDown(byId("account-submit"))) byId("account-submit").textContent = submit;
    byId("account-others").replaceChildren(...Object.entries(others).map((entry) => this.#otherButton(...entry)));
  }

  #otherButton(mode, words) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = words;
    button.addEventListener("click", () => (mode === "resend" ? this.#resend() : this.#goTo(mode)));
    return button;
  }

  #goTo(mode, hint) {
    this.#switchTo(mode, hint);
    byId("account-title").focus();
  }

  #showPassword(visible) {
    byId("password").type = visible ? "text" : "password";
    byId("password-show").setAttribute("aria-pressed", String(visible));
  }

  async #submit() {
    const { fields } = MODES[this.#mode];
    const values = Object.fromEntries(fields.map((name) => [name, byId(name).value]));
    values.email = values.email?.trim();
    if (this.#complain(Object.fromEntries(fields.filter((name) => !values[name]).map((name) => [name, EMPTY[name]])))) {
      return;
    }
    const button = byId("account-submit");
    say(byId("account-error"), "");
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await this.#send(values);
      button.disabled = false;
    } catch (problem) {
      this.#explain(problem, button);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  async #send({ username, email, code, password }) {
    if (this.#mode === "register") {
      const answer = await this.#post("register", { email, password, username });
      if (answer.confirmation_required) return this.#goTo("confirm", `We have sent a code to ${email}.`);
      return this.#api.session.open(answer);
    }
    if (this.#mode === "confirm") {
      await this.#post("confirm", { email, code: code.trim() });
      const chosen = byId("password").value;
      if (!chosen) return this.#goTo("login", "Your address is confirmed. Please sign in.");
      return this.#api.session.open(await this.#post("login", { email, password: chosen }));
    }
    if (this.#mode === "forgot") {
      await this.#post("forgot-password", { email });
      return this.#goTo("reset", "If there is an account with this address, a code is on its way.");
    }
    if (this.#mode === "reset") {
      await this.#post("reset-password", { email, code: code.trim(), new_password: password });
      return this.#goTo("login", "Your password is changed. Please sign in.");
    }
    return this.#api.session.open(await this.#post("login", { email, password }));
  }

  async #resend() {
    const email = byId("email").value.trim();
    if (this.#complain(email ? {} : { email: EMPTY.email })) return;
    try {
      await this.#post("resend-confirmation", { email });
      say(byId("account-hint"), "If the address waits for a code, a new one is on its way.");
    } catch (problem) {
      this.#explain(problem, byId("account-submit"));
    }
  }

  async #post(name, body) {
    return (await this.#api.call("POST", `/auth/${name}`, { body, anonymous: true })).data;
  }

  #explain(problem, button) {
    button.disabled = false;
    if (!(problem instanceof Problem)) throw problem;
    if (problem.is("email_not_confirmed")) return this.#goTo("confirm", "We have sent you a code by e-mail.");
    const byField = fieldErrors(problem);
    if (byField.new_password) byField.password = byField.new_password;
    if (problem.is("username_taken")) byField.username = "This name is taken.";
    if (problem.is("user_already_exists")) byField.email = "This address has an account already.";
    if (this.#complain(byField)) return;
    say(byId("account-error"), problem.words);
    if (problem.status === 429) startCountdown(button, problem.retryAfter, () => MODES[this.#mode].submit);
  }

  /** Puts errors beside their fields and the focus into the first. Returns whether there was one. */
  #complain(errors) {
    const wrong = ALL_FIELDS.filter((name) => {
      const text = MODES[this.#mode].fields.includes(name) ? (errors[name] ?? "") : "";
      this.#mark(name, text);
      return text;
    });
    if (wrong.length) byId(wrong[0]).focus();
    return wrong.length > 0;
  }

  #mark(name, text) {
    byId(`${name}-error`).textContent = text;
    byId(name).setAttribute("aria-invalid", String(Boolean(text)));
  }
}

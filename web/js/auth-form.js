// Sign-in, registration, confirmation and password reset: one form whose fields depend on its mode.

import { ApiError, fieldErrors } from "./api-error.js";
import { isCountingDown, startCountdown } from "./countdown.js";
import { byId, setMessage, setVisible } from "./dom.js";

const MODES = {
  login: {
    title: "Sign in",
    fields: ["email", "password"],
    submit: "Sign in",
    links: { register: "Create an account", forgot: "Forgot password?" },
    password: "Password",
  },
  register: {
    title: "Create an account",
    fields: ["username", "email", "password"],
    submit: "Create account",
    links: { login: "Sign in instead" },
    password: "Password",
    newPassword: true,
  },
  confirm: {
    title: "Confirm your email address",
    fields: ["email", "code"],
    submit: "Confirm",
    links: { resend: "Resend code", login: "Back to sign in" },
  },
  forgot: {
    title: "Reset your password",
    fields: ["email"],
    submit: "Send code",
    links: { login: "Back to sign in" },
  },
  reset: {
    title: "Choose a new password",
    fields: ["email", "code", "password"],
    submit: "Change password",
    links: { login: "Back to sign in" },
    password: "New password",
    newPassword: true,
  },
};

const ALL_FIELDS = ["username", "email", "code", "password"];
const MISSING = {
  username: "Please choose a username.",
  email: "Please enter your email address.",
  code: "Please enter the code.",
  password: "Please enter a password.",
};

export class AuthForm {
  #api;
  #form = byId("auth-form");
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

  /** Empties the form and shows the sign-in, with an optional notice above it. */
  reset(notice = "") {
    this.#form.reset();
    this.#switchTo("login", notice);
  }

  #switchTo(mode, notice = "") {
    this.#mode = mode;
    const { title, fields, submit, links, password, newPassword } = MODES[mode];
    byId("auth-title").textContent = title;
    setMessage(byId("auth-notice"), notice);
    setMessage(byId("auth-error"), "");
    for (const name of ALL_FIELDS) {
      setVisible(this.#form.querySelector(`[data-field="${name}"]`), fields.includes(name));
      this.#setFieldError(name, "");
    }
    byId("password-label").textContent = password ?? "";
    byId("password").autocomplete = newPassword ? "new-password" : "current-password";
    setVisible(byId("password-hint"), Boolean(newPassword));
    this.#showPassword(false);
    if (!isCountingDown(byId("auth-submit"))) byId("auth-submit").textContent = submit;
    byId("auth-links").replaceChildren(...Object.entries(links).map((entry) => this.#linkButton(...entry)));
  }

  #linkButton(mode, label) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = label;
    button.addEventListener("click", () => (mode === "resend" ? this.#resend() : this.#goTo(mode)));
    return button;
  }

  #goTo(mode, notice) {
    this.#switchTo(mode, notice);
    byId("auth-title").focus();
  }

  #showPassword(visible) {
    byId("password").type = visible ? "text" : "password";
    byId("password-show").setAttribute("aria-pressed", String(visible));
  }

  async #submit() {
    const { fields } = MODES[this.#mode];
    const values = Object.fromEntries(fields.map((name) => [name, byId(name).value]));
    values.email = values.email?.trim();
    if (this.#showFieldErrors(Object.fromEntries(fields.filter((name) => !values[name]).map((name) => [name, MISSING[name]])))) {
      return;
    }
    const button = byId("auth-submit");
    setMessage(byId("auth-error"), "");
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await this.#send(values);
      button.disabled = false;
    } catch (error) {
      this.#showError(error, button);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  async #send({ username, email, code, password }) {
    if (this.#mode === "register") {
      const response = await this.#post("register", { email, password, username });
      if (response.confirmation_required) return this.#goTo("confirm", `We sent a code to ${email}.`);
      return this.#api.session.open(response);
    }
    if (this.#mode === "confirm") {
      const entered = byId("password").value;
      await this.#post("confirm", { email, code: code.trim(), ...(entered ? { password: entered } : {}) });
      if (!entered) return this.#goTo("login", "Your email address is confirmed. Please sign in.");
      return this.#api.session.open(await this.#post("login", { email, password: entered }));
    }
    if (this.#mode === "forgot") {
      await this.#post("forgot-password", { email });
      return this.#goTo("reset", "If this address has an account, we have sent a code to it.");
    }
    if (this.#mode === "reset") {
      await this.#post("reset-password", { email, code: code.trim(), new_password: password });
      return this.#goTo("login", "Your password has been changed. Please sign in.");
    }
    return this.#api.session.open(await this.#post("login", { email, password }));
  }

  async #resend() {
    const email = byId("email").value.trim();
    if (this.#showFieldErrors(email ? {} : { email: MISSING.email })) return;
    try {
      await this.#post("resend-confirmation", { email });
      setMessage(byId("auth-notice"), "If this address still has to be confirmed, we have sent a new code to it.");
    } catch (error) {
      this.#showError(error, byId("auth-submit"));
    }
  }

  async #post(name, body) {
    return (await this.#api.call("POST", `/auth/${name}`, { body, anonymous: true })).data;
  }

  #showError(error, button) {
    button.disabled = false;
    if (!(error instanceof ApiError)) throw error;
    if (error.is("email_not_confirmed")) return this.#goTo("confirm", "We have sent you a code by email.");
    const byField = fieldErrors(error);
    if (byField.new_password) byField.password = byField.new_password;
    if (error.is("username_taken")) byField.username = "This username is taken.";
    if (error.is("user_already_exists")) byField.email = "This email address already has an account.";
    if (this.#showFieldErrors(byField)) return;
    setMessage(byId("auth-error"), error.userMessage);
    if (error.status === 429) startCountdown(button, error.retryAfter, () => MODES[this.#mode].submit);
  }

  /** Shows errors next to their fields and focuses the first one. Returns whether there was any. */
  #showFieldErrors(errors) {
    const invalid = ALL_FIELDS.filter((name) => {
      const text = MODES[this.#mode].fields.includes(name) ? (errors[name] ?? "") : "";
      this.#setFieldError(name, text);
      return text;
    });
    if (invalid.length) byId(invalid[0]).focus();
    return invalid.length > 0;
  }

  #setFieldError(name, text) {
    byId(`${name}-error`).textContent = text;
    byId(name).setAttribute("aria-invalid", String(Boolean(text)));
  }
}

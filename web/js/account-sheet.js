// The account: what is left today, name, password, signing out, deleting the account.

import { ApiError, fieldErrors } from "./api-error.js";
import { byId, setMessage } from "./dom.js";
import { formatNumber, resetText } from "./format.js";

/** Fires "closed" when the sheet is closed by its user. */
export class AccountSheet extends EventTarget {
  #api;
  #quota;
  #dialog = byId("account-dialog");

  constructor(api, quota) {
    super();
    this.#api = api;
    this.#quota = quota;
    quota.addEventListener("change", ({ detail }) => this.#renderQuota(detail));
    byId("account-close").addEventListener("click", () => this.#dialog.close());
    // A tap beside the sheet.
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.dispatchEvent(new CustomEvent("closed")));
    this.#onSubmit("name-form", { username: "name" }, () => this.#rename());
    this.#onSubmit("password-form", { current_password: "old-password", new_password: "new-password" }, () => this.#changePassword());
    this.#onSubmit("delete-account-form", { password: "delete-password" }, () => this.#deleteAccount());
    byId("sign-out").addEventListener("click", () => this.#signOut("session", byId("sign-out")));
    byId("sign-out-everywhere").addEventListener("click", () => this.#signOut("global", byId("sign-out-everywhere")));
  }

  /** Opens the sheet; `section` is "delete" for the deletion of the account. */
  open(section) {
    const { user } = this.#api.session;
    // Another device may have used some of it.
    this.#quota.load();
    byId("account-email").textContent = user.email;
    for (const input of this.#dialog.querySelectorAll("[name=login]")) input.value = user.email;
    byId("name-input").value = user.username;
    for (const id of ["password-form", "delete-account-form"]) byId(id).reset();
    for (const details of this.#dialog.querySelectorAll("details")) details.open = section === "delete" && details.id === "delete-account";
    for (const error of this.#dialog.querySelectorAll(".field-error")) error.textContent = "";
    setMessage(byId("account-alert"), "");
    setMessage(byId("account-notice"), "");
    if (!this.#dialog.open) this.#dialog.showModal();
    if (section === "delete") this.#showDeletion();
    else byId("account-title").focus();
  }

  close() {
    this.#dialog.close();
  }

  #showDeletion() {
    byId("delete-password").focus({ preventScroll: true });
    byId("delete-account").scrollIntoView({ block: "end" });
  }

  #renderQuota(quota) {
    const list = byId("account-quota");
    list.replaceChildren();
    byId("account-reset").textContent = quota ? `Full again ${resetText(quota.videos_today.resets_at)}.` : "";
    if (!quota) return;
    const rows = { Videos: quota.videos_today, Analyses: quota.analyses_today, "Videos at a time": quota.videos_now };
    for (const [name, { remaining, limit }] of Object.entries(rows)) {
      const term = document.createElement("dt");
      term.textContent = name;
      const value = document.createElement("dd");
      value.textContent = `${formatNumber(remaining)} of ${formatNumber(limit)}`;
      list.append(term, value);
    }
  }

  async #rename() {
    const { data } = await this.#api.call("PATCH", "/auth/me", { body: { username: byId("name-input").value.trim() } });
    this.#api.session.rename(data.username);
    setMessage(byId("account-notice"), "Your name is saved.");
  }

  async #changePassword() {
    const body = { current_password: byId("old-password").value, new_password: byId("new-password").value };
    const { data } = await this.#api.call("POST", "/auth/change-password", { body });
    this.#api.session.open(data);
    byId("password-form").reset();
    setMessage(byId("account-notice"), "Your password is changed. Other devices are signed out.");
  }

  async #deleteAccount() {
    await this.#api.call("DELETE", "/auth/me", { body: { password: byId("delete-password").value } });
    this.#api.session.close("deleted");
  }

  async #signOut(scope, button) {
    button.disabled = true;
    setMessage(byId("account-alert"), "");
    try {
      const { refreshToken } = this.#api.session;
      await this.#api.call("POST", `/auth/logout?scope=${scope}`, { body: { refresh_token: refreshToken } });
      this.#api.session.close(scope === "global" ? "signed-out-everywhere" : "signed-out");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // This browser drops its tokens in any case; what other devices do with theirs needs the API.
      if (scope === "session") return this.#api.session.close("signed-out");
      setMessage(byId("account-alert"), error.userMessage);
    } finally {
      button.disabled = false;
    }
    return undefined;
  }

  /** Runs `action` when a form is sent; `fields` maps the API's names to the inputs that show their errors. */
  #onSubmit(id, fields, action) {
    const form = byId(id);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      if (button.disabled) return;
      button.disabled = true;
      setMessage(byId("account-alert"), "");
      setMessage(byId("account-notice"), "");
      showFieldErrors(fields, {});
      try {
        await action();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!showFieldErrors(fields, errorsOf(error, fields))) setMessage(byId("account-alert"), error.userMessage);
      } finally {
        button.disabled = false;
      }
    });
  }
}

function errorsOf(error, fields) {
  if (error.is("username_taken")) return { username: "This name is taken." };
  if (error.is("wrong_password")) {
    const [password] = Object.keys(fields);
    return { [password]: "This is not your password." };
  }
  return fieldErrors(error);
}

const inputOf = (prefix) => byId(prefix === "name" ? "name-input" : prefix);

/** Shows errors beside their inputs and focuses the first. Returns whether there was any. */
function showFieldErrors(fields, errors) {
  const invalid = Object.entries(fields).filter(([name, prefix]) => {
    document.getElementById(`${prefix}-error`).textContent = errors[name] ?? "";
    inputOf(prefix).setAttribute("aria-invalid", String(Boolean(errors[name])));
    return errors[name];
  });
  if (invalid.length) inputOf(invalid[0][1]).focus();
  return invalid.length > 0;
}

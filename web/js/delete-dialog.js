// The question before a dream is deleted.

import { byId } from "./dom.js";
import { truncate } from "./format.js";

/** Asks whether to delete a dream. Resolves to true if so. */
export async function confirmDeletion(dream) {
  const dialog = byId("delete-dialog");
  byId("delete-dialog-text").textContent =
    `“${truncate(dream.title ?? dream.dream_text, 120)}” and its video will be deleted. This cannot be undone.`;
  dialog.showModal();
  return (await dialogResult(dialog)) === "delete";
}

/**
 * Resolves to the value of the button that closes an open dialog, or to "cancel" if it is closed in another way.
 *
 * A dialog's "close" event fires some time after it closed. On a busy machine the dialog may be open again by then: such a
 * late event belongs to the previous time and is ignored.
 */
function dialogResult(dialog) {
  return new Promise((resolve) => {
    const listeners = new AbortController();
    const finish = (result) => {
      listeners.abort();
      resolve(result);
    };
    const { signal } = listeners;
    dialog.addEventListener("submit", (event) => finish(event.submitter?.value), { signal });
    dialog.addEventListener("cancel", () => finish("cancel"), { signal });
    dialog.addEventListener("close", () => dialog.open || finish("cancel"), { signal });
  });
}

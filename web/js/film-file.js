// The finished film as a file: to save it, or to share it with another app of the device.

import { ApiError, networkError } from "./api-error.js";

/** Whether this browser can share a video file. */
export function canShareFilms() {
  const probe = new File([""], "dream.mp4", { type: "video/mp4" });
  return Boolean(navigator.canShare?.({ files: [probe] }));
}

/** Fetches the film of a dream as a File that is named for it. Throws ApiError. */
export async function filmFile({ video_url: url, title }) {
  let response;
  try {
    // The player's own request has no origin, so it was answered without the CORS header: the cached answer is of no use here.
    response = await fetch(url, { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw networkError();
  }
  if (!response.ok) throw new ApiError({ status: response.status });
  return new File([await response.blob()], `${fileName(title)}.mp4`, { type: "video/mp4" });
}

/** Saves a file among the browser's downloads. */
export function saveFile(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  // The download has its own reference by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Opens the device's dialog for sharing. Resolves to "shared", "cancelled", or "late" if the browser wants another tap. */
export async function shareFile(file, title) {
  try {
    await navigator.share({ files: [file], title });
    return "shared";
  } catch (error) {
    if (error.name === "AbortError") return "cancelled";
    // A tap counts for a few seconds only, and the download took longer.
    if (error.name === "NotAllowedError") return "late";
    throw error;
  }
}

/** Keeps what every file system allows. */
const fileName = (title) => (title ?? "").replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 60) || "Dream";

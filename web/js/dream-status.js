// What a dream's statuses mean for the page.

const RANK = { pending: 0, processing: 1, completed: 2, failed: 2, cancelled: 2 };

export const isFinal = (status) => RANK[status] === 2;
export const isRunning = (dream) => Boolean(dream.job_id) && !isFinal(dream.video_status);

/** Whether the dream or its video was refused for its content: the same again would be refused again. */
export const isRefused = (dream) => ["moderation", "analysis_refused"].includes(dream.error_code);

/** Returns the phase of a dream, which the player and the history show; "empty" without a dream. */
export function phaseOf(dream) {
  if (!dream) return "empty";
  if (["completed", "failed", "cancelled"].includes(dream.video_status)) return dream.video_status;
  if (dream.analysis_status === "failed") return "failed";
  if (dream.analysis_status === "pending") return "analyzing";
  if (!dream.video_status) return "no-video";
  if (dream.video_status === "processing") return "rendering";
  return dream.queued_since ? "queued" : "starting";
}

/** Whether the same video would fail again, so that only another text can help. */
export const needsAnotherText = (dream) =>
  dream.analysis_status === "failed" || (dream.video_status === "failed" && dream.retryable === false);

/** Whether `update` is about an earlier video, or an earlier state of the same one. Job ids sort by time. */
export function isOlder(update, known) {
  if (!known.job_id || !("job_id" in update)) return false;
  if (!update.job_id || update.job_id < known.job_id) return true;
  if (update.job_id > known.job_id || update.video_status === known.video_status) return false;
  return isFinal(known.video_status) || (RANK[update.video_status] ?? 0) < (RANK[known.video_status] ?? 0);
}

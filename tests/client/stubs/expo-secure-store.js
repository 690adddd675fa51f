const kept = new Map();
exports.getItemAsync = async (key) => kept.get(key) ?? null;
exports.setItemAsync = async (key, value) => void kept.set(key, value);
exports.deleteItemAsync = async (key) => void kept.delete(key);

//! From judged slots to what the store needs: compressed blocks, sorted keys. All of it before the writer is taken.

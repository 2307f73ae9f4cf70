"""A job that lies in an object store, so that machines without a common disk work on it: see `fashionbatch.labeling.job.stored.home`."""

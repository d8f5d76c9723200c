//! What the tests on throwaway servers share.
